"""Callbacks: our worker calls those of the tasks' package as RQ's own worker does, and says which it does not call."""

from __future__ import annotations

import json

import pytest
from rq import Callback, Retry
from rq.command import send_stop_job_command
from rq.serializers import JSONSerializer

from taskdesk.jobs.joblog import read_log
from taskdesk.jobs.jobs import Jobs
from tests.conftest import wait_until
from tests.contract.rq_stack import RqStack
from tests.contract.scenarios import ECHO, KILLS_ITSELF, RAISES, WAIT_FOR
from tests.contract.workers import run_our_worker, run_stock_worker, starter

CALLBACKS = "tests.sample_tasks.callbacks"
ALL = {f"on_{kind}": Callback(f"{CALLBACKS}._on_{kind}") for kind in ("success", "failure", "stopped")}
WORKERS = [pytest.param(run_our_worker, id="ours"), pytest.param(run_stock_worker, id="stock")]


@pytest.fixture
def jobs(redis) -> Jobs:
    return Jobs(redis, ("high", "default", "low"))


@pytest.fixture
def rq_of(worker_settings, registry, redis, tmp_path):
    return lambda run: RqStack(redis, tmp_path, starter(run, worker_settings, registry))


@pytest.fixture
def rq(rq_of):
    return rq_of(run_our_worker)


@pytest.fixture
def called(redis):
    return lambda: [json.loads(call) for call in redis.lrange("called", 0, -1)]


@pytest.mark.parametrize("run", WORKERS)
def test_success_and_failure_are_told(run, rq_of, called):
    rq = rq_of(run)
    rq.queue.enqueue(ECHO, "ab", **ALL, job_id="one")
    rq.queue.enqueue(RAISES, **ALL, job_id="two")

    rq.run_worker()

    assert called() == [
        ["success", "one", "finished", "ab"],
        ["failure", "two", "failed", "ValueError", str(called()[1][4]), True],
    ]
    assert [rq.job(job_id).get_status().value for job_id in ("one", "two")] == ["finished", "failed"]


@pytest.mark.parametrize("run", WORKERS)
def test_each_attempt_that_fails_is_told(run, rq_of, called):
    rq = rq_of(run)
    rq.queue.enqueue(RAISES, **ALL, retry=Retry(1), job_id="one")

    rq.run_worker()

    assert [call[:3] for call in called()] == [["failure", "one", "failed"]] * 2


@pytest.mark.parametrize("run", WORKERS)
def test_a_stopped_job_is_told(run, rq_of, called):
    rq = rq_of(run)
    rq.queue.enqueue(WAIT_FOR, str(rq.folder / "never"), seconds=20, **ALL, job_id="one")
    with rq.worker(burst=False):
        rq.wait_for("one", "started")
        send_stop_job_command(rq.redis, "one", serializer=JSONSerializer)
        wait_until(called, what="on_stopped was called")

    assert [call[:2] for call in called()] == [["stopped", "one"]]


@pytest.mark.parametrize("run", WORKERS)
def test_an_error_of_a_callback_is_the_error_of_the_job(run, rq_of, called, jobs):
    rq = rq_of(run)
    rq.queue.enqueue(ECHO, "a", on_success=Callback(f"{CALLBACKS}._raises"), on_failure=ALL["on_failure"], job_id="one")
    rq.queue.enqueue(RAISES, on_failure=Callback(f"{CALLBACKS}._raises"), job_id="two")

    rq.run_worker()

    assert [call[:5] for call in called()] == [["failure", "one", "failed", "RuntimeError", "the callback raises"]]
    for job_id in ("one", "two"):
        assert rq.job(job_id).get_status().value == "failed"
        assert "the callback raises" in jobs.results.traceback(job_id)


@pytest.mark.parametrize("run", WORKERS)
def test_a_callback_has_its_own_time_limit(run, rq_of, jobs):
    rq = rq_of(run)
    rq.queue.enqueue(ECHO, "a", on_success=Callback(f"{CALLBACKS}._hangs", timeout=1), job_timeout=2, job_id="one")

    rq.run_worker()

    assert rq.job("one").get_status().value == "failed"


def test_a_job_shows_which_limit_its_callback_was_over(rq, jobs):
    rq.queue.enqueue(ECHO, "a", on_success=Callback(f"{CALLBACKS}._hangs", timeout=1), job_id="one")

    rq.run_worker()

    assert jobs.get("one").error["detail"] == "on_success ran longer than its limit of 1 s."


def test_a_job_whose_arguments_are_refused_is_told_as_failed(rq, called):
    rq.queue.enqueue(ECHO, 1, nothing=2, **ALL, job_id="one")

    rq.run_worker()

    assert [call[:3] for call in called()] == [["failure", "one", "failed"]]


@pytest.mark.parametrize(
    "name",
    [
        "nowhere.to_be_found",
        "os.abort",
        "builtins.exit",
        f"{CALLBACKS}.missing",
        f"{CALLBACKS}.borrowed",
        f"{CALLBACKS}.os.abort",
        f"{CALLBACKS}._is_async",
        "tests.sample_tasks_of_others.callback",
        "tests.conftest.free_port",
        "no name",
    ],
)
def test_a_name_from_elsewhere_is_not_called_and_the_log_says_so(rq, jobs, redis, name):
    rq.queue.enqueue(ECHO, "ab", on_success=Callback(name), job_id="one")
    rq.queue.enqueue(RAISES, on_failure=Callback(name), job_id="two")

    rq.run_worker()

    assert jobs.result(jobs.get("one")) == "ab"
    assert jobs.get("two").error["type"] == "ValueError"
    assert read_log(redis, "one").text.startswith(f"on_success was not run: {name} is ")
    assert f"on_failure was not run: {name} is " in read_log(redis, "two").text


def test_what_a_callback_prints_is_in_the_log_of_its_job(rq, redis):
    rq.queue.enqueue(ECHO, "ab", **ALL, job_id="one")
    rq.queue.enqueue(WAIT_FOR, str(rq.folder / "never"), seconds=20, **ALL, job_id="two")
    with rq.worker(burst=False):
        rq.wait_for("two", "started")
        send_stop_job_command(rq.redis, "two", serializer=JSONSerializer)
        wait_until(lambda: read_log(redis, "two").text, what="on_stopped has printed")

    assert read_log(redis, "one").text == "success says hello\n"
    assert read_log(redis, "two").text == "stopped says hello\n"
    assert redis.ttl("taskdesk:log:two") > 24 * 3600


def test_the_log_says_that_no_callback_was_run_for_a_job_that_lost_its_process(rq, redis):
    rq.queue.enqueue(KILLS_ITSELF, **ALL, job_id="one")

    rq.run_worker()

    assert rq.job("one").get_status().value == "failed"
    assert "on_failure was not run: the process that ran the job is gone." in read_log(redis, "one").text
