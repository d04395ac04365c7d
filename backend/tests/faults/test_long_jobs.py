"""Long jobs with checkpoints, while workers are stopped, killed and lost, and Redis is away."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest
from redis import Redis

from taskdesk.jobs.job import Retention
from taskdesk.jobs.jobs import Jobs
from tests.conftest import RedisServer, Stack, discovered, wait_until
from tests.faults.scale import LIMIT

pytestmark = [pytest.mark.timeout(LIMIT), pytest.mark.slow]

RETENTION = Retention(result_ttl=1000, failure_ttl=2000)
STEPS, STOPS, KILLS = 1000, 20, 10


class LongJobs:
    """Jobs of many steps on one worker process, and what they have done so far."""

    def __init__(self, server: RedisServer, folder: Path):
        self.server = server
        self.stack = Stack(server.url, folder, TASKS="tests.sample_tasks", WORKERS="1", STOP_GRACE="1")
        self.jobs = Jobs(Redis.from_url(server.url), ("high", "default", "low"))
        self.files: dict[str, Path] = {}
        self._folder = folder

    def submit(self, steps: int, pause: float) -> str:
        file = self._folder / f"steps-{len(self.files)}"
        arguments = {"path": str(file), "steps": steps, "pause": pause}
        job_id = self.jobs.submit(discovered("tests.sample_tasks").catalog.tasks["does_steps"], arguments, RETENTION).id
        self.files[job_id] = file
        file.touch()
        return job_id

    def steps_of(self, job_id: str) -> list[int]:
        return [int(line.split()[0]) for line in self.files[job_id].read_text().splitlines()]

    @property
    def lines(self) -> int:
        return sum(len(self.steps_of(job_id)) for job_id in self.files)

    def until_at_work(self) -> int:
        """Wait for some more steps; return the process that does them."""
        before = self.lines
        wait_until(lambda: self.lines > before + 5 or self.are_over(), seconds=90, what="a job goes on")
        newest = max(self.files.values(), key=lambda file: file.stat().st_mtime_ns)
        return int(newest.read_text().splitlines()[-1].split()[1])

    def are_over(self) -> bool:
        return all(self.jobs.get(job_id).is_final for job_id in self.files)

    def restart_worker(self) -> None:
        self.stack.stop()
        self.stack.start("worker")


@pytest.fixture
def long_jobs(tmp_path):
    server = RedisServer(tmp_path)
    server.start()
    made = LongJobs(server, tmp_path)
    made.stack.start("worker")
    yield made
    made.stack.stop()
    server.stop()


def test_a_thousand_steps_under_twenty_stops_and_ten_kills_are_all_done_and_thirty_at_most_are_done_twice(long_jobs):
    job_id = long_jobs.submit(STEPS, pause=0.04)
    for stop in range(STOPS):
        pid = long_jobs.until_at_work()
        if stop % 2:
            os.kill(pid, signal.SIGKILL)
            long_jobs.until_at_work()
        assert not long_jobs.are_over(), f"it has ended after {stop} stops"
        long_jobs.restart_worker()
    wait_until(long_jobs.are_over, seconds=120, what="the job ends")

    job, steps = long_jobs.jobs.get(job_id), long_jobs.steps_of(job_id)
    assert (job.status, job.attempt) == ("succeeded", 1 + KILLS), job.error
    assert set(steps) == set(range(STEPS))
    print(f"{STOPS} stops, {KILLS} kills, {len(steps) - STEPS} steps repeated")
    assert len(steps) <= STEPS + STOPS + KILLS


def test_a_job_whose_worker_was_lost_goes_on_where_it_was_a_second_before(long_jobs):
    job_id = long_jobs.submit(100, pause=0.05)
    for _ in range(4):
        long_jobs.until_at_work()

    pool = long_jobs.stack.processes["worker"]
    for pid in _tree(pool.pid):
        os.kill(pid, signal.SIGKILL)
    pool.wait()
    long_jobs.stack.start("worker")
    wait_until(long_jobs.are_over, seconds=90, what="the job ends")

    steps = long_jobs.steps_of(job_id)
    assert long_jobs.jobs.get(job_id).attempt == 2
    assert set(steps) == set(range(100))
    assert len(steps) - 100 <= 1.5 / 0.05


def _tree(pid: int) -> list[int]:
    """Return the process and all below it, the lowest last."""
    children = [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    return [pid, *(below for child in children for below in _tree(child))]


def test_while_redis_is_away_a_job_goes_on_and_its_last_step_is_kept_when_it_is_back(long_jobs):
    job_id = long_jobs.submit(120, pause=0.05)
    long_jobs.until_at_work()
    long_jobs.server.stop()
    for _ in range(5):
        wait_until(lambda before=long_jobs.lines: long_jobs.lines > before + 5, what="the job goes on")
    long_jobs.server.start()

    long_jobs.restart_worker()
    wait_until(long_jobs.are_over, seconds=60, what="the job ends")

    job, steps = long_jobs.jobs.get(job_id), long_jobs.steps_of(job_id)
    assert (job.status, job.attempt) == ("succeeded", 1)
    assert set(steps) == set(range(120))
    assert len(steps) <= 121
