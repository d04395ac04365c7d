"""A worker that is told to stop drains: it takes nothing new, and waits for its job as long as the job's task says."""

from __future__ import annotations

import signal
import time

import pytest
from redis import Redis

from taskdesk.worker.shared.activity import Activity, RunningJob
from taskdesk.worker.shared.checkpoint_memory import CheckpointMemory
from taskdesk.worker.shared.foreign_jobs import ForeignJobs
from taskdesk.worker.shared.memory import SharedMemory
from taskdesk.worker.shared.meters import Meters
from taskdesk.worker.shared.output_buffer import OutputBuffer
from taskdesk.worker.supervisor.settlement import Settlement
from taskdesk.worker.supervisor.signals import StopSignals
from taskdesk.worker.supervisor.stop_grace import StopGrace
from tests.conftest import free_port, preloaded, wait_until

STOP_GRACE = 8


@pytest.fixture
def path(tmp_path):
    return tmp_path / "lines"


@pytest.fixture
def signals():
    return StopSignals()


@pytest.fixture
def grace_on(worker_settings, registry, signals):
    """Return the seconds that a stop waits for a job, by what this Redis knows."""

    def make(redis: Redis) -> StopGrace:
        meters = Meters(1).rows[0]
        memory = (Activity(worker_settings.queues), meters, OutputBuffer(), ForeignJobs(), CheckpointMemory())
        template = preloaded(registry)
        settlement = Settlement(redis, "one", worker_settings, template, SharedMemory(*memory))
        return StopGrace(settlement, template, signals, STOP_GRACE)

    return make


def running(job_id: str) -> RunningJob:
    return RunningJob(True, False, job_id, f"of {job_id}", time.time(), time.monotonic(), 60, False)


def still_runs_after(path, lines):
    def has_more():
        return path.exists() and len(path.read_text().splitlines()) >= lines

    wait_until(has_more, what=f"the job has written {lines} lines")


def test_a_stop_waits_as_long_as_the_task_of_the_running_job_says(redis, grace_on, submit):
    grace = grace_on(redis)
    jobs = [submit(task, path="a") for task in ("wait_for", "takes_its_time", "makes_way_at_once")]

    assert [grace.seconds(running(job_id)) for job_id in jobs] == [STOP_GRACE, 600, 0]
    assert grace.seconds(None) == STOP_GRACE


def test_somebody_who_waits_at_a_terminal_waits_no_longer_than_stop_grace(redis, grace_on, submit, signals):
    signals._set(signal.SIGINT, None)
    jobs = [submit(task, path="a") for task in ("takes_its_time", "makes_way_at_once")]

    assert [grace_on(redis).seconds(running(job_id)) for job_id in jobs] == [STOP_GRACE, 0]


@pytest.mark.slow
def test_while_redis_is_away_no_job_is_cut_off_too_early(redis, grace_on, submit):
    away = Redis(port=free_port(), socket_timeout=1)

    assert grace_on(away).seconds(running(submit("wait_for", path="a"))) == 600


@pytest.mark.slow
def test_a_stopped_worker_ends_its_job_with_a_long_grace_and_takes_no_other(worker_process, submit, jobs, path):
    first = submit("takes_its_time", path=str(path))
    second = submit("echo", text="a")
    still_runs_after(path, 1)

    worker_process.processes["worker"].send_signal(signal.SIGTERM)
    still_runs_after(path, 20)  # two seconds: STOP_GRACE is one
    path.with_name("lines-go").touch()

    assert worker_process.processes["worker"].wait(timeout=60) == 0
    assert jobs.result(jobs.get(first)) == "in its own time"
    assert jobs.get(second).status == "queued"


@pytest.mark.slow
def test_an_interrupt_ends_the_waiting_also_while_the_worker_drains(worker_process, submit, jobs, path):
    job_id = submit("takes_its_time", path=str(path))
    still_runs_after(path, 1)
    worker_process.processes["worker"].send_signal(signal.SIGTERM)
    still_runs_after(path, 20)

    worker_process.processes["worker"].send_signal(signal.SIGINT)

    assert worker_process.processes["worker"].wait(timeout=60) == 0
    assert (jobs.get(job_id).status, jobs.get(job_id).attempt) == ("queued", 1)
