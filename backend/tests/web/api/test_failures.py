"""The failures by their cause, as the API tells of them and lets people deal with them."""

from __future__ import annotations

import pytest

API = "/api/v1/failures"


@pytest.fixture
def failed(submit, run_worker):
    def failed(*tasks: str) -> list[str]:
        ids = [submit(task, {}) for task in tasks]
        run_worker()
        return ids

    return failed


@pytest.fixture
def causes(client):
    return lambda query="": client.get(API + query).json["data"]


def test_a_list_of_failures_has_one_object_for_each_cause(failed, causes):
    _, last, other = failed("raises", "raises", "raises_half_a_character")

    newest, cause = causes()

    assert (newest["task"], newest["sample"]) == ("raises_half_a_character", other)
    assert (cause["task"], cause["state"], cause["count"], cause["open_jobs"]) == ("raises", "open", 2, 2)
    assert cause["error"]["frame"] == "tests/sample_tasks/bad.py:raises"
    assert (cause["error"]["type"], cause["error"]["detail"]) == ("ValueError", "The number <seven> is too small.")
    assert (cause["sample"], sum(cause["hours"])) == (last, 2)
    assert cause["links"] == {
        "self": f"{API}/{cause['id']}",
        "jobs": f"/api/v1/jobs?cause={cause['id']}",
        "sample": f"/api/v1/jobs/{last}",
    }


def test_the_links_of_a_cause_lead_to_it_and_its_jobs(client, failed, causes):
    ids = failed("raises", "raises")
    [cause] = causes()

    assert client.get(cause["links"]["self"]).json == cause
    assert [job["id"] for job in client.get(cause["links"]["jobs"]).json["data"]] == ids[::-1]
    assert client.get(cause["links"]["sample"]).json["cause"] == cause["id"]


def test_causes_are_listed_in_pages_and_by_state_and_task(client, failed, causes):
    failed("raises", "raises_half_a_character", "kills_itself")

    answer = client.get(f"{API}?limit=2")
    first = answer.json
    rest = client.get(API, query_string={"limit": 2, "cursor": first["next_cursor"]}).json
    assert client.get(answer.headers["Link"].partition(">")[0].lstrip("<")).json == rest

    assert [one["task"] for one in first["data"]] == ["kills_itself", "raises_half_a_character"]
    assert [one["task"] for one in rest["data"]] == ["raises"]
    assert rest["next_cursor"] is None
    assert [one["task"] for one in causes("?task=raises")] == ["raises"]
    client.post(f"{API}/{causes('?task=raises')[0]['id']}/mute")
    assert [one["task"] for one in causes("?state=muted")] == ["raises"]
    assert len(causes("?state=open")) == 2


@pytest.mark.parametrize(
    ("query", "pointer"),
    [("state=closed", "/state"), ("limit=0", "/limit"), ("cursor=x", "/cursor"), ("tag=x", "/tag")],
)
def test_a_wrong_query_is_refused(client, query, pointer):
    answer = client.get(f"{API}?{query}")

    assert (answer.status_code, answer.json["errors"][0]["pointer"]) == (422, pointer)


@pytest.mark.parametrize("what", ["", "/mute", "/resolve", "/reopen", "/retry"])
@pytest.mark.parametrize("cause_id", ["0123456789ab", "x" * 300, "%2e%2e"])
def test_an_unknown_cause_is_a_404(client, cause_id, what):
    path = f"{API}/{cause_id}{what}"
    answer = client.post(path, json={"expected_count": 0}) if what else client.get(path)

    assert (answer.status_code, answer.json["title"]) in {(404, "Unknown cause"), (404, "Not Found")}


@pytest.mark.slow
def test_a_resolved_cause_opens_when_it_is_seen_again_and_a_muted_one_does_not(client, failed, causes):
    failed("raises", "kills_itself")
    by_task = {cause["task"]: cause["links"]["self"] for cause in causes()}

    resolved = client.post(f"{by_task['raises']}/resolve").json
    muted = client.post(f"{by_task['kills_itself']}/mute").json
    assert (resolved["state"], muted["state"]) == ("resolved", "muted")
    failed("raises", "kills_itself")

    reopened, muted = client.get(by_task["raises"]).json, client.get(by_task["kills_itself"]).json
    assert (reopened["state"], reopened["count"], muted["state"], muted["count"]) == ("open", 2, "muted", 2)
    assert reopened["reopened_at"] == reopened["last_at"]
    assert client.post(f"{by_task['kills_itself']}/reopen").json["state"] == "open"


@pytest.mark.slow
def test_all_jobs_of_a_cause_are_retried_if_they_are_as_many_as_expected(client, failed, causes):
    failed("raises", "raises")
    failed("kills_itself")
    [cause] = causes("?task=raises")

    wrong = client.post(f"{cause['links']['self']}/retry", json={"expected_count": 3})
    right = client.post(f"{cause['links']['self']}/retry", json={"expected_count": 2})
    again = client.post(f"{cause['links']['self']}/retry", json={"expected_count": 0})

    assert (wrong.status_code, wrong.json["count"]) == (409, 2)
    assert right.json == {"action": "retry", "count": 2, "outcomes": {"retried": 2}}
    assert again.json == {"action": "retry", "count": 0, "outcomes": {}}
    assert [(one["count"], one["open_jobs"]) for one in causes("?task=raises")] == [(2, 0)]
    assert client.get("/api/v1/jobs:count?status=queued").json == {"count": 2}


@pytest.mark.parametrize(
    ("body", "pointer"),
    [({}, "/expected_count"), ({"expected_count": "2"}, "/expected_count"), ({"expected_count": 1, "x": 1}, "/x")],
)
def test_a_wrong_retry_is_refused(client, failed, causes, body, pointer):
    failed("raises")

    answer = client.post(f"{causes()[0]['links']['self']}/retry", json=body)

    assert (answer.status_code, answer.json["errors"][0]["pointer"]) == (422, pointer)


# The pages


def test_the_page_shows_each_cause_with_its_numbers_and_links(client, failed, causes):
    _, last = failed("raises", "raises")
    [cause] = causes()

    text = client.get("/failures").text

    assert "ValueError</a>" in text
    assert "2 failures" in text
    assert "The number &lt;seven&gt; is too small." in text
    assert "<code>tests/sample_tasks/bad.py:raises</code>" in text
    assert "Failures in each of the last 48 hours: 2 in all, at most 2 per hour" in text
    assert "Retry all 2 …" in text
    for link in (f"/failures/{cause['id']}", f"/jobs?status=failed&amp;cause={cause['id']}", f"/jobs/{last}"):
        assert f'<a href="{link}">' in text
    assert f'<a href="/failures/{cause["id"]}">All failures like this</a>' in client.get(f"/jobs/{last}").text


def test_retry_all_asks_with_the_true_count_and_then_the_cause_has_no_job(client, failed, causes):
    failed("raises", "raises")
    [cause] = causes()
    address = f"/jobs?status=failed&cause={cause['id']}"

    question = client.post(address, data={"action": "retry", "all": "1"}).text
    done = client.post(address, data={"action": "retry", "all": "1", "expected_count": "2"}, follow_redirects=True).text

    assert "<h1>Retry 2 failed jobs of one cause?</h1>" in question
    assert "2 retried as new jobs." in done
    assert "Show the new jobs" in done
    page = client.get("/failures").text
    assert "No failed job is left." in page
    assert "Retry all" not in page


def test_the_buttons_change_the_state_and_the_tabs_hide_what_is_muted_or_resolved(client, failed, causes):
    failed("raises")
    [cause] = causes()

    done = client.post(f"/failures/{cause['id']}/mute", follow_redirects=True).text

    assert "The cause is muted." in done
    assert "Reopen</button>" in done
    assert "raises" not in client.get("/failures").text
    assert "No open failures." in client.get("/failures").text
    assert "ValueError" in client.get("/failures?state=muted").text
    assert client.get("/failures?state=closed").status_code == 422
    assert client.get("/failures/0123456789ab").status_code == 404


def test_what_a_failure_says_is_text_and_no_markup(client, submit, run_worker):
    submit("raises_what_it_is_given", {"text": "<script>alert(1)</script>"})
    run_worker()

    text = client.get("/failures").text

    assert "<script>alert" not in text
    assert "&lt;script&gt;alert(1)" in text
