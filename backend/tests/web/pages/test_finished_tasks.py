"""/finished_tasks is small enough for the one process that serves everybody: large results stand as links."""

from __future__ import annotations

import pytest

from taskdesk.web import results


@pytest.fixture
def finished(submit, run_worker):
    """Jobs with these texts as results, oldest first."""

    def finished(*texts):
        ids = [submit("echo", {"text": text}) for text in texts]
        run_worker()
        return ids

    return finished


def link(job_id):
    return f"/api/v1/jobs/{job_id}/result"


def test_small_results_are_all_there(client, finished):
    ids = finished("a", "b", "c", "d")

    assert dict(client.get("/finished_tasks").json) == dict(zip(ids, "abcd", strict=True))


def test_from_the_first_result_that_does_not_fit_on_results_stand_as_links(client, finished, monkeypatch):
    monkeypatch.setattr(results, "MAX_LISTED_BYTES", 1000)
    small, large = finished("a"), finished("b" * 2000)
    rows = client.get("/finished_tasks").json

    assert dict(rows)[large[0]] == link(large[0])
    assert dict(rows)[small[0]] in ("a", link(small[0]))
    assert len(rows) == 2


@pytest.mark.parametrize("query", ["", "?detail=1"])
def test_the_answer_has_a_limit_and_names_every_job(client, finished, monkeypatch, query):
    monkeypatch.setattr(results, "MAX_LISTED_BYTES", 5000)
    ids = finished(*["a" * 900] * 12)

    rows = client.get(f"/finished_tasks{query}").json

    shown = {row["id"]: row["result"] for row in rows} if query else dict(rows)
    assert set(shown) == set(ids)
    assert sum(text == "a" * 900 for text in shown.values()) == 5
    assert all(text in ("a" * 900, link(job_id)) for job_id, text in shown.items())
