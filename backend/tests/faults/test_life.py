"""Random lives of jobs: the promises hold whatever clients, workers and time do, in whatever order, and at whichever
command a process dies. FAULTS=all tries more.
"""

from __future__ import annotations

import shutil
import tempfile
from collections import defaultdict
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule
from redis import Redis
from redis.exceptions import RedisError

from taskdesk.jobs.artifacts import FolderStore
from taskdesk.jobs.errors import JobExpired, JobNotFound
from taskdesk.jobs.job import Retention
from taskdesk.jobs.job_id import new_job_id
from taskdesk.jobs.jobs import Jobs
from taskdesk.jobs.keys import SWEEP_LOCK, WORKERS
from taskdesk.jobs.submission import Idempotency
from taskdesk.worker.child.reservation import ReservedJob
from taskdesk.worker.discovery import TaskRegistry, discover
from taskdesk.worker.settings import WorkerSettings
from taskdesk.worker.supervisor.retention import Sweeper
from tests.faults import reconciler
from tests.faults.catalog import QUEUES
from tests.faults.crashes import HOW, Fate, Killed, Step, Supervisor, connect
from tests.faults.reconciler import Snapshot
from tests.faults.scale import ALL, LIMIT, size

RETENTION = Retention(result_ttl=1000, failure_ttl=1000)
WORKERS_COUNT = 2
TASKS = ("effect", "effect_high", "effect_once", "retrying")

LOOKS = ("heartbeat", "read_commands", "revoke")
MEDDLING = ("nothing", "cancel", "delete", *LOOKS, "is taken for lost", "another takes it", "child dies", "all dies")
steps = st.lists(st.tuples(st.sampled_from(MEDDLING), st.booleans()), min_size=1, max_size=5)
mishaps = st.none() | st.tuples(st.integers(0, 12), st.sampled_from(HOW))  # after so many commands, what happens


class Life(RuleBasedStateMachine):
    url = ""
    registry: TaskRegistry

    def __init__(self) -> None:
        super().__init__()
        self.redis = Redis.from_url(self.url)
        self.redis.flushall()
        self.folder = Path(tempfile.mkdtemp(prefix="life-"))
        self.settings = WorkerSettings(
            redis_url=self.url, data_dir=self.folder, tasks="tests.faults.tasks", queues=QUEUES, _env_file=None
        )
        self.web = Fate()
        self.jobs = Jobs(connect(self.url, self.web), QUEUES)
        self.sweeper = Sweeper(self.redis, FolderStore(self.folder), self.settings)
        self.begun: list[str] = []
        self.tasks: dict[str, str] = {}  # of the jobs that were accepted
        self.by_key: defaultdict[str, set[str]] = defaultdict(set)
        self.final: dict[str, str] = {}
        self.gone: set[str] = set()  # deleted, or expired
        self.canceled: dict[str, int] = {}  # how often the job had begun when it was canceled
        self.told_to_stop: set[str] = set()
        self.workers: list[tuple[Supervisor, Fate]] = []
        self.dead: list[Supervisor] = []
        for _ in range(WORKERS_COUNT):
            self.hire()

    def hire(self) -> None:
        fate = Fate()
        worker = Supervisor(self.settings, self.registry, connect(self.url, fate), self.begun)
        worker.be_born()
        self.workers.append((worker, fate))

    def bury(self) -> None:
        self.dead += [worker for worker, _ in self.workers if worker.is_dead]
        self.workers = [(worker, fate) for worker, fate in self.workers if not worker.is_dead]
        while len(self.workers) < WORKERS_COUNT:
            self.hire()

    # What clients do

    @rule(
        tasks=st.lists(st.sampled_from(TASKS), min_size=1, max_size=5),
        key=st.sampled_from(("", "", "a", "b")),
        later=st.booleans(),
        mishap=mishaps,
    )
    def submit(self, tasks: list[str], key: str, later: bool, mishap: tuple[int, str] | None) -> None:
        if mishap:
            self.web.arm(*mishap)
        for task in tasks:
            self._submit(task, key, datetime.now(UTC) + timedelta(hours=1) if later else None)

    def _submit(self, task: str, key: str, at: datetime | None) -> None:
        idempotency = Idempotency(key + task, "same") if key else None
        spec = self.registry.catalog.tasks[task]
        job_id = new_job_id()
        for _ in range(2):  # a client that gets no answer sends it again
            try:
                job_id = self.jobs.submit(spec, {}, RETENTION, job_id=job_id, at=at, idempotency=idempotency).id
                break
            except (RedisError, Killed):
                continue
            except (JobNotFound, JobExpired):  # the job of this key is gone
                return
        else:
            return
        self.tasks[job_id] = task
        if idempotency:
            self.by_key[idempotency.key].add(job_id)

    def pick(self, number: int) -> str:
        known = [job_id for job_id in self.tasks if job_id not in self.gone]
        return known[number % len(known)] if known else ""

    @precondition(lambda self: self.tasks)
    @rule(number=st.integers(0, 9), what=st.sampled_from(("cancel", "cancel", "delete", "keep")))
    def change(self, number: int, what: str) -> None:
        if job_id := self.pick(number):
            self._change(what, job_id)

    def _change(self, what: str, job_id: str) -> None:
        try:
            [status] = getattr(self.jobs, what)(job_id)
        except (RedisError, Killed):
            if what == "delete":  # it may be gone
                self.gone.add(job_id)
            return
        if what == "delete" and status != "running":
            self.gone.add(job_id)
        elif what == "cancel" and status == "canceled":
            self.canceled.setdefault(job_id, self.begun.count(job_id))
        elif what == "cancel" and status == "running":
            self.told_to_stop.add(job_id)

    # What workers do

    @rule(number=st.integers(0, WORKERS_COUNT - 1), steps=steps, is_fast=st.booleans(), mishap=mishaps)
    def work(self, number: int, steps: list[tuple[str, bool]], is_fast: bool, mishap: tuple[int, str] | None) -> None:
        worker, fate = self.workers[number]
        if mishap:
            fate.arm(*mishap)
        worker.run([self.step(*step) for step in steps], pace=-1000 if is_fast else 1000)
        self.bury()

    def step(self, meddling: str, succeeds: bool) -> Step:
        def meddle(worker: Supervisor, job: ReservedJob) -> None:
            if meddling in ("cancel", "delete"):
                self._change(meddling, job.id)
            elif meddling in ("is taken for lost", "another takes it"):
                worker.frozen = 60
                self.redis.zadd(WORKERS, {worker.name: 0}, xx=True)
                self.time_passes()
                if meddling == "another takes it":
                    self.time_passes()  # its next attempt is due
                    self.hire()
                    self.workers[-1][0].run([self.step("all dies", True)], pace=1000)
            elif meddling == "child dies":
                raise Killed
            elif meddling == "all dies":
                worker.is_dead = True
                raise Killed
            elif meddling in LOOKS:
                with suppress(RedisError, OSError):  # it looks again
                    getattr(worker, meddling)()

        return meddle, succeeds

    @rule(number=st.integers(0, WORKERS_COUNT - 1))
    def look(self, number: int) -> None:
        self.workers[number][0].look()
        self.bury()

    # What time does

    @rule(what=st.sampled_from(("time_passes", "time_passes", "sweep", "results_expire")))
    def wait(self, what: str) -> None:
        getattr(self, what)()

    def time_passes(self) -> None:
        """Make every scheduled job due, and count dead workers as lost."""
        for worker in self.dead:
            self.redis.zadd(WORKERS, {worker.name: 0}, xx=True)
        for queue in QUEUES:
            for job_id in self.redis.zrange(f"rq:scheduled:{queue}", 0, -1):
                self.redis.zadd(f"rq:scheduled:{queue}", {job_id: 0})
        self.redis.delete("taskdesk:sweep:grace")
        self.redis.set("taskdesk:sweep:last", self.redis.time()[0] - 5)
        monitor = Supervisor(self.settings, self.registry, self.redis, self.begun)
        self.redis.delete(*(f"rq:scheduler-lock:{queue}" for queue in QUEUES))
        monitor._settlement.tick()
        self.redis.delete(*(f"rq:scheduler-lock:{queue}" for queue in QUEUES))
        monitor._folder.remove()

    def sweep(self) -> None:
        self.redis.delete(SWEEP_LOCK)
        self.sweeper.sweep()

    def results_expire(self) -> None:
        for key in list(self.redis.scan_iter("rq:job:*")):
            if self.redis.ttl(key) > 0:
                job_id = key.decode().removeprefix("rq:job:")
                self.gone.add(job_id)
                self.redis.delete(key, f"rq:results:{job_id}", f"taskdesk:log:{job_id}")
                for kind in ("finished", "failed"):  # as RQ's own clean-up does
                    for queue in QUEUES:
                        self.redis.zrem(f"rq:{kind}:{queue}", job_id)

    # What must hold

    @invariant()
    def an_end_is_final(self) -> None:
        known = [job_id for job_id in self.tasks if job_id not in self.gone]
        statuses = [self.redis.hget(f"rq:job:{job_id}", "status") for job_id in known]
        for job_id, status in zip(known, statuses, strict=True):
            assert status, f"{job_id} is lost"
            if status.decode() in reconciler.FINAL:
                assert self.final.setdefault(job_id, status.decode()) == status.decode()

    @invariant()
    def a_job_waits_at_one_place(self) -> None:
        waiting = [job_id for queue in QUEUES for job_id in self.redis.lrange(f"rq:queue:{queue}", 0, -1)]
        assert len(waiting) == len(set(waiting))

    @invariant()
    def a_key_has_one_job(self) -> None:
        assert all(len(jobs) == 1 for jobs in self.by_key.values())

    def teardown(self) -> None:
        try:
            self._drain()
            self._check()
        finally:
            for worker in [*self.dead, *(worker for worker, _ in self.workers)]:
                worker._folder.remove()
                worker._commands.close()
                worker.connection.connection_pool.disconnect()  # a worker that starts asks for all clients
            shutil.rmtree(self.folder)
            self.redis.close()

    def _drain(self) -> None:
        """Break nothing any more, and let workers run until all jobs have ended."""
        self.web.disarm()
        for _, fate in self.workers:
            fate.disarm()
        for _ in range(100):
            self.time_passes()
            for worker, _ in self.workers:
                worker.look()
                worker.run([self.step("nothing", True)] * 50, pace=1000)
            if not any(self.redis.exists(f"rq:{k}:{q}") for k in ("queue", "wip", "scheduled") for q in QUEUES):
                break
        self.sweep()
        self.sweep()

    def _check(self) -> None:
        snapshot = Snapshot(self.redis)
        astray = list(snapshot.astray())
        assert not astray, "\n".join(astray)
        for job_id, task in self.tasks.items():
            status, begun = snapshot.jobs.get(job_id), self.begun.count(job_id)
            assert status in reconciler.FINAL or job_id in self.gone
            assert status != "finished" or begun
            assert task == "retrying" or begun <= 1, f"a job without retries began {begun} times"
            assert self.canceled.get(job_id, begun) == begun, "a canceled job ran"
            if job_id in self.told_to_stop - self.gone:
                assert status in ("stopped", "canceled"), f"a job that was told to stop is {status}"


@pytest.mark.slow
@pytest.mark.timeout(1_800 if ALL else LIMIT)
@pytest.mark.parametrize("examples", size([8, pytest.param(30, marks=pytest.mark.slow)], [1_500]))
def test_the_promises_hold_whatever_happens_at_whichever_command(redis_url, examples):
    Life.url = redis_url
    Life.registry = discover(WorkerSettings(tasks="tests.faults.tasks", _env_file=None))
    Life.TestCase.settings = settings(
        max_examples=examples,
        stateful_step_count=30,
        deadline=None,
        derandomize=not ALL,
        database=None,
        print_blob=True,
        suppress_health_check=list(HealthCheck),
    )
    Life.TestCase().runTest()


@pytest.mark.parametrize("commands", range(10))
def test_a_job_without_retries_begins_once_wherever_its_child_dies_as_it_ends(redis_url, commands):
    """The job is canceled while it runs, so that RQ's own code ends it with several commands."""
    Life.url = redis_url
    Life.registry = discover(WorkerSettings(tasks="tests.faults.tasks", _env_file=None))
    life = Life()
    life.submit(tasks=["effect"], key="", later=False, mishap=None)

    life.work(number=0, steps=[("cancel", True)], is_fast=False, mishap=(commands, "killed before"))

    life.teardown()
