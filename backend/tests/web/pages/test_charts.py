"""The page of the charts, and the same numbers in the API."""

from __future__ import annotations

import re

import pytest

from taskdesk.jobs.statistics import StatisticsWriter


@pytest.fixture
def ended(redis, registry):
    writer = StatisticsWriter(redis)
    reference = registry.catalog.tasks["echo"].reference
    for seconds in (0.2, 0.3):
        writer.add(reference, "default", succeeded=True, run=seconds, wait=1.5)
    writer.add(reference, "high", succeeded=False, run=9_000.0, wait=None)
    writer.write()


@pytest.mark.usefixtures("ended")
@pytest.mark.parametrize(("period", "steps", "seconds"), [("hour", 60, 60), ("day", 24, 3600), ("week", 168, 3600)])
def test_the_api_has_each_step_of_a_period(client, period, steps, seconds):
    found = client.get(f"/api/v1/charts?period={period}&task=echo").json

    assert (found["period"], found["task"], found["queue"], found["step_seconds"]) == (period, "echo", None, seconds)
    assert len(found["data"]) == steps
    assert found["data"][-1]["at"].endswith(":00.000Z")
    ran = [step for step in found["data"] if step["succeeded"]]
    assert [(one["succeeded"], one["failed"], one["wait_seconds"]) for one in ran] == [
        (2, 1, {"mean": 1.5, "p95": 2.5})
    ]
    assert [one["run_seconds"]["p95"] for one in ran] == [None]
    assert found["data"][0]["run_seconds"] is None


@pytest.mark.usefixtures("ended")
def test_a_chart_is_of_a_queue_or_of_all(client):
    def failed(query):
        return sum(step["failed"] for step in client.get(f"/api/v1/charts{query}").json["data"])

    assert [failed(""), failed("?queue=high"), failed("?queue=default")] == [1, 1, 0]


@pytest.mark.parametrize(
    ("query", "status", "said"),
    [
        ("period=year", 422, "/period"),
        ("task=echo&queue=default", 422, "not of both"),
        ("tasks=echo", 422, "no such parameter"),
        ("task=nothing", 404, "nothing"),
        ("queue=nothing", 404, "nothing"),
        ("period=day&period=week", 422, "twice"),
    ],
)
def test_a_wrong_query_is_refused(client, registry, query, status, said):
    answer = client.get(f"/api/v1/charts?{query}")

    assert answer.status_code == status
    assert said in answer.text
    assert client.get(f"/charts?{query}").status_code == status


@pytest.mark.usefixtures("ended")
def test_the_page_has_three_charts_and_the_numbers_as_a_table(client):
    page = client.get("/charts?period=day&of=task:echo").text

    assert re.findall(r'<h2 id="chart-\d">(.*?) <small>each hour', page) == ["Jobs", "Run time", "Wait time"]
    assert "<title>2 succeeded, 1 failed</title>" in page
    assert "<title>mean 1.5\u00a0s, 95 % at most 2.5\u00a0s</title>" in page
    assert '<td class="number">over 1 h</td>' in page
    assert 'value="task:echo" selected' in page


def test_without_jobs_the_page_says_so(client, registry):
    page = client.get("/charts").text

    assert page.count("No job has ended in the last hour.") == 3
    assert "The numbers" not in page


def test_a_task_whose_jobs_were_only_lost_has_no_times(client, registry, redis):
    writer = StatisticsWriter(redis)
    writer.add(registry.catalog.tasks["echo"].reference, "default", succeeded=False, run=None, wait=None)
    writer.write()

    page = client.get("/charts?of=task:echo").text
    assert page.count("No times are known for the last hour.") == 2
    assert "No job has ended" not in page


def test_a_chart_of_a_reference_is_of_its_task(client, registry):
    reference = registry.catalog.tasks["echo"].reference

    assert client.get(f"/api/v1/charts?task={reference}").json["task"] == "echo"
    assert 'value="task:echo" selected' in client.get(f"/charts?task={reference}").text
