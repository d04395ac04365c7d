"""No user does what the role does not allow, or changes a job of another user."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

from taskdesk.jobs.actions import ACTIONS
from taskdesk.jobs.keys import INTAKE_LOCK
from taskdesk.service.audit import AUDIT_KEY
from taskdesk.web.access.roles import access_of
from tests.web.access.people import ECHO, HTML, job_of, requests_of


def writes_of(app):
    for method, path, endpoint in requests_of(app):
        access = access_of(app.view_functions[endpoint], method)
        if access.writes and access.role not in (None, "viewer"):
            yield method, path


def test_a_viewer_reads_and_writes_nothing(app, bearer, redis):
    vic = bearer("vic")
    before = redis.dbsize()

    refused = [(path, vic.open(path, method=method).status_code) for method, path in writes_of(app)]

    assert len(refused) > 20
    assert [one for one in refused if one[1] != 403] == []
    assert redis.delete(AUDIT_KEY) == 1  # it has what was refused
    assert redis.dbsize() == before
    assert [vic.get(path).status_code for path in ("/", "/jobs", "/queues", "/api/v1/jobs", "/docs")] == [200] * 5


def stored(redis):
    """Return all keys but the lock that a list takes to look for jobs of plain RQ: it ends within a second."""
    return {key: redis.dump(key) for key in redis.scan_iter() if key.decode() != INTAKE_LOCK}


@pytest.mark.slow
def test_a_read_writes_nothing(app, bearer, redis, run_worker):
    ann = bearer("ann")
    ended = ann.post(ECHO, json={"text": "a"}).json["id"]
    run_worker()
    waits = ann.post(ECHO, json={"text": "a"}).json["id"]
    reads = {path for method, path, endpoint in requests_of(app) if method == "GET" and "classic." not in endpoint}
    paths = {re.sub("/jobs/[^/]+", f"/jobs/{job_id}", path) for path in reads for job_id in (ended, waits)}
    paths = {path for path in paths if not path.endswith("/events")}  # they do not end
    before = stored(redis)

    answers = [ann.get(path, headers=HTML).status_code for path in paths]

    assert answers.count(200) > 20
    assert stored(redis) == before


def test_a_viewer_is_refused_on_the_fast_path_too(bearer):
    answer = bearer("vic").post(ECHO, json={"text": "a"})

    assert (answer.status_code, answer.json["title"]) == (403, "Not allowed")
    assert "Your role is viewer, and this needs the role user" in answer.json["detail"]


@pytest.mark.parametrize("headers", [{}, {"X-Anything": "not the fast path"}])
def test_a_job_has_its_owner(bearer, headers):
    job = bearer("ann").post(ECHO, json={"text": "a"}, headers=headers).json
    page = bearer("vic").get(f"/jobs/{job['id']}")

    assert job["owner"] == "ann"
    assert bearer("vic").get(f"/api/v1/jobs/{job['id']}").json["owner"] == "ann"
    assert "queued by ann" in page.text
    assert re.search('by <a href="/jobs.owner=ann">ann</a>', bearer("vic").get("/jobs").text)


@pytest.mark.parametrize("action", ["cancel", "retry", "keep", "delete"])
@pytest.mark.parametrize("root", ["/api/v1/jobs", "/jobs"])
def test_another_users_job_is_left_alone(bearer, root, action, redis):
    job_id = job_of(bearer("ann"))
    path, method = f"{root}/{job_id}", "POST"
    if (root, action) == ("/api/v1/jobs", "delete"):
        method = "DELETE"
    else:
        path = f"{path}/{action}"

    answer = bearer("bob").open(path, method=method)

    assert answer.status_code == 403
    assert "belongs to ann. Only its owner and operators" in answer.text
    assert redis.hget(f"rq:job:{job_id}", "status") == b"queued"


def test_owners_and_operators_may_change_a_job_and_an_unknown_one_is_unknown(bearer):
    ann, ops = bearer("ann"), bearer("ops")

    assert ann.post(f"/api/v1/jobs/{job_of(ann)}/cancel").status_code == 200
    assert ops.post(f"/api/v1/jobs/{job_of(ann)}/cancel").status_code == 200
    assert ann.post("/api/v1/jobs/nothing/cancel").status_code == 404


def test_a_bulk_action_skips_the_jobs_of_others(bearer):
    ann, bob = bearer("ann"), bearer("bob")
    own, others = [job_of(bob)], [job_of(ann), job_of(ann)]

    done = bob.post("/api/v1/jobs:bulk", json={"action": "cancel", "filter": {"task": "echo"}, "expected_count": 3})

    assert done.json["outcomes"] == {"canceled": 1, "skipped": 2}
    assert {bob.get(f"/api/v1/jobs/{job_id}").json["status"] for job_id in others} == {"queued"}
    assert bob.get(f"/api/v1/jobs/{own[0]}").json["status"] == "canceled"


def test_a_bulk_action_needs_the_role_of_its_row(bearer, monkeypatch, redis):
    job_id = job_of(bearer("ann"))
    monkeypatch.setitem(ACTIONS, "cancel", replace(ACTIONS["cancel"], role="operator"))
    body = {"action": "cancel", "filter": {}, "expected_count": 1}
    form = {"action": "cancel", "id": job_id, "expected_count": "1"}

    refused = [bearer("ann").post("/api/v1/jobs:bulk", json=body), bearer("ann").post("/jobs", data=form)]

    assert [answer.status_code for answer in refused] == [403, 403]
    assert redis.hget(f"rq:job:{job_id}", "status") == b"queued"
    assert bearer("ops").post("/api/v1/jobs:bulk", json=body).json["outcomes"] == {"canceled": 1}


def test_a_retry_belongs_to_the_user_who_asked(bearer, run_worker):
    job_id = job_of(bearer("ann"))
    run_worker()

    assert bearer("ops").post(f"/api/v1/jobs/{job_id}/retry").json["owner"] == "ops"


def test_queues_are_paused_by_operators_only(bearer):
    def pause(name):
        return bearer(name).patch("/api/v1/queues/low", json={"paused": True}).status_code

    assert (pause("ann"), pause("ops")) == (403, 200)


def test_two_users_may_use_the_same_idempotency_key(bearer):
    headers = {"Idempotency-Key": "one"}
    ids = [bearer(name).post(ECHO, json={"text": "a"}, headers=headers).json["id"] for name in ("ann", "bob", "ann")]

    assert ids[0] == ids[2] != ids[1]
