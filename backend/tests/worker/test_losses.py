"""Why was my job lost? For each cause of the table: what the job shows, and what its worker logs.

A child is killed in the process of its supervisor (tests/faults/crashes.py), so most of them take no time.
"""

from __future__ import annotations

import json
import logging

import pytest
from rq.command import send_kill_horse_command

from taskdesk.jobs import losses
from taskdesk.jobs.job import Retention
from taskdesk.jobs.jobs import Jobs
from taskdesk.jobs.keys import LAST_TAKEOVER, TAKEOVER_GRACE, WORKERS, job_key
from taskdesk.jobs.losses import CAUSES, MAX_LOSSES, log_text, loss_of
from taskdesk.worker.discovery import discover
from taskdesk.worker.settings import WorkerSettings
from taskdesk.worker.supervisor import hang_detector, job_control
from tests.conftest import wait_until
from tests.faults.catalog import QUEUES
from tests.faults.crashes import Fate, Killed, Supervisor, connect


@pytest.fixture
def start_worker(redis_url, tmp_path):
    """It says what happens in place of a task: `worker.run([(meddle, succeeds), ...], pace=...)`."""
    settings = WorkerSettings(
        redis_url=redis_url, data_dir=tmp_path, tasks="tests.faults.tasks", queues=QUEUES, _env_file=None
    )
    started = []

    def start():
        worker = Supervisor(settings, discover(settings), connect(redis_url, Fate()), [])
        worker.be_born()
        started.append(worker)
        return worker

    yield start
    for worker in started:
        worker._commands.close()
        worker._folder.remove()


@pytest.fixture
def worker(start_worker):
    return start_worker()


@pytest.fixture
def faulty_jobs(redis):
    return Jobs(redis, QUEUES)


@pytest.fixture
def run_to_loss(worker, faulty_jobs):
    """Run a job of the task; `meddle` is what happens to it. Return its error."""

    def run(meddle, task="effect", times=1, exit_status=-9):
        worker.exit_status = exit_status
        job = faulty_jobs.submit(worker._registry.catalog.tasks[task], {}, Retention(result_ttl=100, failure_ttl=100))
        for _ in range(times):
            worker.run([(meddle, False)], pace=1000)
        return faulty_jobs.get(job.id).error

    return run


def is_killed(worker, job):
    raise Killed


@pytest.fixture
def process_killed(run_to_loss):
    return run_to_loss(is_killed)


@pytest.fixture
def process_crashed(run_to_loss):
    return run_to_loss(is_killed, exit_status=-11)


@pytest.fixture
def process_exited(run_to_loss):
    return run_to_loss(is_killed, exit_status=3)


@pytest.fixture
def process_hung(run_to_loss, monkeypatch):
    monkeypatch.setattr(hang_detector, "HANG_SECONDS", -100)

    def hangs(worker, job):
        worker._activity.end_function()
        worker._control.begin()
        worker._control.enforce_limits(worker._activity.read(), is_redis_away=False)

    return run_to_loss(hangs)


@pytest.fixture
def kill_command(run_to_loss, redis):
    def is_commanded(worker, job):
        send_kill_horse_command(redis, worker.name)
        wait_until(worker.read_commands, what="the command kills the child")

    return run_to_loss(is_commanded)


@pytest.fixture
def worker_lost(run_to_loss, start_worker, worker, redis, faulty_jobs):
    def dies_with_its_worker(worker, job):
        worker.is_dead = True
        raise Killed

    run_to_loss(dies_with_its_worker)
    redis.zadd(WORKERS, {worker.name: 0})
    redis.delete(TAKEOVER_GRACE)
    redis.set(LAST_TAKEOVER, redis.time()[0] - 5)
    start_worker()
    return faulty_jobs.get(worker.begun[0]).error


@pytest.fixture
def taken_away(run_to_loss, redis):
    """The job is another worker's: only the log of this one can tell why it has stopped it."""

    def is_taken(worker, job):
        redis.zrem("rq:wip:default", f"{job.id}:{job.execution}")
        worker.heartbeat()

    run_to_loss(is_taken)
    return losses.TAKEN_AWAY.error


@pytest.fixture
def poison(run_to_loss):
    return run_to_loss(is_killed, task="retrying", times=MAX_LOSSES)


@pytest.fixture
def worker_stopped(run_to_loss):
    def is_stopped(worker, job):
        worker._process.deadline = 0.0
        raise Killed

    return run_to_loss(is_stopped, task="effect_once")


@pytest.fixture
def time_limit(run_to_loss, monkeypatch):
    monkeypatch.setattr(job_control, "ALARM_GRACE_SECONDS", -1_000_000)
    return run_to_loss(lambda worker, job: worker._control.enforce_limits(worker._activity.read(), is_redis_away=False))


@pytest.fixture
def stopped(run_to_loss, faulty_jobs):
    def is_canceled(worker, job):
        faulty_jobs.cancel(job.id)
        worker.heartbeat()

    return run_to_loss(is_canceled)


@pytest.fixture
def not_served(jobs, submit, redis, worker_process):
    """A job that was handed back long ago, by a worker that does not serve it either."""
    job_id = submit("echo", text="a")
    foreign = {"since": "1.0", "tries": 1, "refused": "", "wanted": "tests.gone", "reason": "None."}
    data = redis.hget(job_key(job_id), "data").replace(b"tests.sample_tasks.echo", b"tests.sample_tasks.gone")
    redis.hset(job_key(job_id), mapping={"data": data, "td_foreign": json.dumps(foreign)})
    wait_until(lambda: jobs.get(job_id).is_final, what="the job fails")
    wait_until(lambda: job_id in worker_process.log("worker"), what="the worker logs why")
    logging.getLogger("worker").warning(worker_process.log("worker"))
    return jobs.get(job_id).error


@pytest.mark.parametrize("loss", CAUSES, ids=lambda loss: loss.name)
def test_a_lost_job_shows_why_and_its_worker_logs_the_same(loss, request, caplog):
    error = request.getfixturevalue(loss.name.replace("-", "_"))

    assert loss_of(error) is loss
    assert log_text(error) in caplog.text
