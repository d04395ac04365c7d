"""Jobs are listed, counted and changed by their owner."""

from __future__ import annotations

import re

import pytest

from tests.web.access.people import ECHO, HTML, form_token, job_of

BULK = "/api/v1/jobs:bulk"


@pytest.fixture
def jobs_of(bearer):
    """Submit a job as each of these users; return the ids."""
    return {name: [job_of(bearer(name)) for _ in range(3)] for name in ("ann", "bob")}


def test_jobs_are_listed_and_counted_by_owner(bearer, jobs_of):
    vic = bearer("vic")

    assert [job["id"] for job in vic.get("/api/v1/jobs?owner=ann").json["data"]] == jobs_of["ann"][::-1]
    assert vic.get("/api/v1/jobs:count?owner=bob&status=queued").json["count"] == 3
    assert vic.get("/api/v1/jobs:count?owner=vic").json["count"] == 0


def test_an_operator_changes_all_jobs_of_an_owner_and_others_only_their_own(bearer, jobs_of):
    of_ann = {"action": "cancel", "filter": {"owner": "ann"}, "expected_count": 3}

    assert bearer("bob").post(BULK, json=of_ann).json["outcomes"] == {"skipped": 3}
    assert bearer("ops").post(BULK, json=of_ann).json["outcomes"] == {"canceled": 3}
    assert bearer("ann").post(BULK, json={**of_ann, "action": "delete"}).json["outcomes"] == {"deleted": 3}
    assert bearer("vic").get("/api/v1/jobs:count").json["count"] == 3


def test_the_page_of_jobs_filters_by_owner_and_deletes_what_matches(signed_in, jobs_of):
    ops = signed_in("ops")
    page = ops.get("/jobs?owner=ann", headers=HTML)
    form = {"action": "delete", "all": "1", "-csrf": form_token(page)}

    assert 'name="owner" value="ann"' in page.text
    assert "Remove the filter owner ann" in page.text
    assert re.findall(r'name="id" value="([^"]+)"', page.text) == jobs_of["ann"][::-1]
    question = ops.post("/jobs?owner=ann", data=form, headers=HTML)
    assert "3 jobs by ann" in question.text
    until = re.search(r'name="until" value="([^"]+)"', question.text)[1]
    ops.post("/jobs?owner=ann", data={**form, "expected_count": "3", "until": until}, headers=HTML)
    assert [job["owner"] for job in ops.get("/api/v1/jobs").json["data"]] == ["bob"] * 3


def test_a_retry_belongs_to_the_user_who_retried(bearer, jobs_of, run_worker):
    run_worker()

    again = bearer("bob").post(f"/api/v1/jobs/{jobs_of['bob'][0]}/retry").json["id"]
    batch = bearer("bob").post(f"{ECHO}:batch", json={"inputs": [{"text": "a"}]}).json["ids"][0]

    listed = [job["id"] for job in bearer("vic").get("/api/v1/jobs?owner=bob").json["data"]]
    assert listed == [batch, again, *jobs_of["bob"][::-1]]
