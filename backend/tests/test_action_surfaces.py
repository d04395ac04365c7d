"""Every surface offers and does an action for jobs whose status is allowed in the row of jobs/actions.py."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner

from taskdesk.cli import program
from taskdesk.jobs.actions import ACTIONS
from taskdesk.jobs.keys import index_key
from taskdesk.jobs.status import Status
from taskdesk.web.links import action_address

API = "/api/v1/jobs"
OPTIONS = {"at": (datetime.now(UTC) + timedelta(days=60)).isoformat(), "queue": "low"}
NEW_ROW = Path(__file__).with_name("new_action.py")


@pytest.fixture
def submit(client, redis, run_worker):
    """Submit a job and bring it to a status."""

    def submit(status):
        task, arguments = ("raises", {}) if status == Status.FAILED else ("echo", {"text": "a"})
        query = {"at": "2027-01-01T00:00:00Z"} if status == Status.SCHEDULED else {}
        job_id = client.post(f"/api/v1/tasks/{task}/jobs", json=arguments, query_string=query).json["id"]
        if status in (Status.SUCCEEDED, Status.FAILED):
            run_worker()
        elif status == Status.CANCELED:
            client.post(f"{API}/{job_id}/cancel")
        elif status in (Status.RUNNING, Status.WAITING):
            redis.lrem("rq:queue:default", 0, job_id)
            redis.zrem(index_key("default", "queued"), job_id)
            redis.hset(f"rq:job:{job_id}", "status", status.rq)
            if status == Status.RUNNING:
                redis.zadd("rq:wip:default", {f"{job_id}:1": time.time() + 90})
            else:
                redis.zadd("rq:deferred:default", {job_id: time.time()})
                redis.zadd(index_key("default", "waiting"), {job_id: 1})
        assert client.get(f"{API}/{job_id}").json["status"] == status
        return job_id

    return submit


def jobs_in(redis):
    return {key: redis.dump(key) for pattern in ("rq:job:*", "rq:scheduled:*") for key in redis.scan_iter(pattern)}


def option_of(action):
    return {action.option.name: OPTIONS[action.option.name]} if action.option else {}


@pytest.fixture
def does(redis):
    """Return True if the function changes, removes or makes a job."""

    def does(function):
        before = jobs_in(redis)
        function()
        return jobs_in(redis) != before

    return does


@pytest.mark.parametrize("status", Status)
def test_the_surfaces_offer_an_action_for_the_same_statuses(client, submit, status):
    job_id = submit(status)

    page = client.get(f"/jobs/{job_id}").text
    listed = client.get(f"/jobs?status={status}").text
    links = client.get(f"{API}/{job_id}").json["links"]

    allowed = {name for name, action in ACTIONS.items() if status in action.effects}
    offered = allowed - {"unkeep"}  # it is not kept
    assert set(re.findall(r'id="(?:do|ask)-(\w+)"', page)) == offered
    assert set(re.findall(r'name="action" value="(\w+)"', listed)) == allowed
    assert {name for name in ACTIONS if name in links} == offered


@pytest.mark.slow
@pytest.mark.parametrize("status", Status)
def test_the_surfaces_do_an_action_for_the_same_statuses(client, submit, does, redis_url, tmp_path, status):
    env = {"REDIS_URL": redis_url, "DATA_DIR": str(tmp_path)}
    answers = {}

    for name, action in ACTIONS.items():
        for surface in ("API", "bulk", "page", "command"):
            job_id = submit(status)
            if name == "unkeep":
                client.post(f"{API}/{job_id}/keep")
            method, address = action_address(action, f"{API}/{job_id}")
            option = option_of(action)
            body = {"action": name, "filter": {"id": job_id}, "expected_count": 1, **option}
            words = (name, job_id, *(word for one in option for word in (f"--{one}", option[one])))
            do = {
                "API": lambda at=address, by=method, body=option or None: client.open(at, method=by, json=body),
                "bulk": lambda body=body: answers.update(client.post(f"{API}:bulk", json=body).json["outcomes"]),
                "page": lambda at=f"/jobs/{job_id}/{name}", form=option: client.post(at, data=form),
                "command": lambda given=words: CliRunner().invoke(program, given, env=env),
            }[surface]
            answers.clear()

            assert does(do) == (status in action.effects), (name, surface)
            if surface == "bulk":
                effect = action.effects.get(status)
                assert answers == {effect.word if effect else "skipped": 1}


@pytest.mark.parametrize("status", Status)
def test_an_action_that_is_not_allowed_is_refused_or_left_out(client, submit, status):
    job_id = submit(status)

    for action in ACTIONS.values():
        if status not in action.effects:
            method, address = action_address(action, f"{API}/{job_id}")
            answer = client.open(address, method=method, json=option_of(action) or None)

            assert answer.status_code == (409 if action.refusal else 200), action.name
            assert client.get(f"{API}/{job_id}").json["status"] == status


def test_a_job_that_is_kept_is_not_offered_to_be_kept(client, submit):
    job_id = submit(Status.SUCCEEDED)

    client.post(f"{API}/{job_id}/keep")

    assert "keep" not in client.get(f"{API}/{job_id}").json["links"]
    assert 'id="do-keep"' not in client.get(f"/jobs/{job_id}").text
    assert 'id="do-unkeep"' in client.get(f"/jobs/{job_id}").text


def test_every_action_is_described(client):
    description = client.get("/api/v1/openapi.json").json
    commands = CliRunner().invoke(program, ["--help"]).stdout
    reference = Path(__file__).parents[2].joinpath("docs/api.md").read_text()

    for name, action in ACTIONS.items():
        method, path = action_address(action, f"{API}/{{job_id}}")
        assert description["paths"][path][method.lower()]["operationId"] == f"{name}_job"
        assert f"\n  {name} " in commands
        assert f"`{method} {path.replace('/api/v1', '').replace('job_id', 'id')}`" in reference
    assert description["components"]["schemas"]["Bulk"]["properties"]["action"]["enum"] == list(ACTIONS)


@pytest.mark.slow
def test_a_new_action_is_one_row(redis_url, tmp_path, registry):
    """A process of its own, because routes and commands are made when the modules are imported."""
    done = subprocess.run(
        [sys.executable, NEW_ROW, redis_url, tmp_path], cwd=NEW_ROW.parents[1], capture_output=True, text=True
    )

    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == {
        "page": True,
        "list": True,
        "links": "/api/v1/jobs/JOB/hurry",
        "API": [200, ["hurried"]],
        "bulk": {"hurried": 1},
        "confirmation": True,
        "notice": True,
        "command": "JOB\thurried\n",
        "help": True,
        "OpenAPI": "hurry_job",
        "enum": True,
    }
