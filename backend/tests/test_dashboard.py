"""rq-dashboard as we serve it, in a process of its own: our tests must not run under its patches."""

from __future__ import annotations

import json
import re
import urllib.error
import urllib.request

import pytest
from rq import Queue
from rq.serializers import JSONSerializer

from jobkit.job import Retention
from jobkit.jobs import Jobs
from tests.conftest import Stack, free_port, wait_until


@pytest.fixture
def dashboard(redis_url, tmp_path):
    port = free_port()
    stack = Stack(redis_url, tmp_path, DASHBOARD_PORT=str(port))
    stack.url = f"http://127.0.0.1:{port}"
    stack.start("dashboard")
    wait_until(stack.answers)
    yield stack
    stack.stop()


@pytest.fixture
def submit(redis, registry):
    jobs = Jobs(redis, ("high", "default", "low"))
    return lambda name, **arguments: jobs.submit(registry.catalog.tasks[name], arguments, Retention(100, 100)).id


def _get(dashboard: Stack, path: str) -> str:
    with urllib.request.urlopen(dashboard.url + path, timeout=5) as answer:
        return answer.read().decode()


def _status(dashboard: Stack, path: str, method: str = "GET", **headers: str) -> int:
    request = urllib.request.Request(dashboard.url + path, method=method, headers=headers)
    try:
        with urllib.request.urlopen(request, timeout=5) as answer:
            return answer.status
    except urllib.error.HTTPError as error:
        return error.code


def test_it_shows_queues_workers_and_jobs_with_json_results(dashboard, submit, run_worker):
    done = submit("echo", text="shown")
    run_worker()
    submit("echo", text="waits")

    assert all(
        _status(dashboard, path) == 200 for path in re.findall(r'(?:src|href)="(/static[^"]+)"', _get(dashboard, "/"))
    )
    assert '"count":1' in _get(dashboard, "/0/data/queues.json").replace(" ", "")
    assert "workers" in _get(dashboard, "/0/data/workers.json")
    assert json.loads(_get(dashboard, f"/0/data/job/{done}.json"))["result"] == "shown"
    assert "waits" in _get(dashboard, "/0/data/jobs/default/queued/8/asc/1.json")


def test_markup_in_a_job_leaves_it_escaped(dashboard, submit, run_worker):
    done = submit("echo", text="<img src=x onerror=alert(1)>")
    run_worker()

    shown = _get(dashboard, f"/0/data/job/{done}.json")

    assert "<img" not in shown
    assert "&lt;img" in shown


def test_a_pickle_is_never_loaded(dashboard, redis, submit, tmp_path):
    canary = tmp_path / "canary"
    pickled = f"cos\nsystem\n(S'touch {canary}'\ntR.".encode()
    job_id = submit("echo", text="a")
    redis.hset(f"rq:job:{job_id}", mapping={"data": pickled, "meta": pickled, "result": pickled})

    for path in (f"/0/data/job/{job_id}.json", "/0/data/jobs/default/queued/8/asc/1.json", f"/0/view/job/{job_id}"):
        _status(dashboard, path)

    assert not canary.exists()


def test_a_requeued_job_runs_again_and_stays_json(dashboard, redis, submit, run_worker):
    failed = submit("raises")
    run_worker()

    assert _status(dashboard, f"/job/{failed}/requeue", "POST") == 200

    assert Queue("default", connection=redis, serializer=JSONSerializer).job_ids == [failed]
    assert redis.hget(f"rq:job:{failed}", "meta") in (None, b"{}")


def test_nothing_changes_by_get_or_from_another_site(dashboard, redis, submit, run_worker):
    submit("raises")
    run_worker()

    assert _status(dashboard, "/requeue/default") == 405
    assert _status(dashboard, "/requeue/default", "POST", Origin="http://evil.example") == 403
    assert _status(dashboard, "/queue/default/failed/empty", "POST", **{"Sec-Fetch-Site": "cross-site"}) == 403
    assert redis.zcard("rq:failed:default") == 1


def test_an_unknown_job_is_404(dashboard):
    assert _status(dashboard, "/0/view/job/nothing") == 404
