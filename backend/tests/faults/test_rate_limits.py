"""RQ's limits on how many jobs run at a time hold while workers die, Redis restarts, and tools take jobs away."""

from __future__ import annotations

import re
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta
from functools import partial
from typing import Any

import pytest
from redis.exceptions import RedisError
from rq import Queue, Repeat, Retry
from rq.exceptions import InvalidJobOperation, NoSuchJobError
from rq.job import Dependency
from rq.job import Job as RqJob
from rq.rate_limit import RateLimit
from rq.registry import clean_registries
from rq.serializers import JSONSerializer

from taskdesk.jobs.job_id import new_job_id
from taskdesk.service.errors import AppError
from tests.conftest import wait_until
from tests.faults.fleet import Worker, alive, descendants, send
from tests.faults.harness import Rig, start_rig
from tests.faults.reconciler import FINAL
from tests.faults.scale import LIMIT, SEED

pytestmark = pytest.mark.timeout(LIMIT)

MOST = {"first": 1, "second": 2, "third": 2}  # jobs of each limit at a time
CREW = 3  # workers
FORGOTTEN_SECONDS = 5  # for which a slot may be held for nothing: housekeeping, every 30 s, would hide that for longer
STOCK = ("-m", "rq.cli", "worker", "--name", "stock", "--serializer", "json", "--with-scheduler", "default")
WAYS: dict[str, dict[str, Any]] = {
    "plain": {},
    "another waits for it": {},
    "is tried again at once": {"failures": 1, "retry": Retry(max=3)},
    "is tried again later": {"failures": 1, "retry": Retry(max=3, interval=1)},
    "fails": {"failures": 9},
    "kills its process": {"kills": 1, "retry": Retry(max=3)},
    "repeats at once": {"repeat": Repeat(times=1, interval=0)},
    "repeats later": {"repeat": Repeat(times=1, interval=1)},
    "its result is not kept": {"result_ttl": 0},
    "is scheduled": {"delay": timedelta(seconds=1)},
    "goes first": {"at_front": True},
}


class Limited:
    """Jobs of RQ's limits, and what takes them away."""

    def __init__(self, rig: Rig):
        self._rig = rig
        self._queue = Queue("default", connection=rig.redis, serializer=JSONSerializer)
        self.jobs: list[str] = []
        self._free: list[str] = []  # jobs for which no other one waits

    def submit(self, count: int) -> None:
        for _ in range(count):
            way = self._rig.random.choice(list(WAYS))
            job = self._enqueue(**WAYS[way])
            if way == "another waits for it":
                self._free.append(self._enqueue(depends_on=Dependency([job], allow_failure=True)))
            else:
                self._free.append(job)

    def _enqueue(self, *, failures: int = 0, kills: int = 0, delay: timedelta | None = None, **options: Any) -> str:
        limit, job_id = self._rig.random.choice(list(MOST)), new_job_id()
        most, seconds = MOST[limit], self._rig.random.choice((0, 0.01, 0.05))
        turn = {"name": job_id, "limit": limit, "most": most, "seconds": seconds, "failures": failures, "kills": kills}
        enqueue = partial(self._queue.enqueue_in, delay) if delay else self._queue.enqueue
        enqueue(
            "tests.faults.tasks.takes_a_turn",
            kwargs=turn,
            job_id=job_id,
            rate_limit=RateLimit(limit, most),
            **options,
        )
        self.jobs.append(job_id)
        return job_id

    def take_some(self, count: int) -> None:
        """Cancel and delete jobs, by our actions and by RQ's."""
        for _ in range(min(count, len(self._free))):
            job = self._free.pop(self._rig.random.randrange(len(self._free)))
            with suppress(AppError, NoSuchJobError, InvalidJobOperation, ValueError):
                self._rig.random.choice((self._rig.jobs.cancel, self._rig.jobs.delete, self._cancel, self._delete))(job)

    def _cancel(self, job_id: str) -> None:
        RqJob.fetch(job_id, connection=self._rig.redis, serializer=JSONSerializer).cancel()

    def _delete(self, job_id: str) -> None:
        RqJob.fetch(job_id, connection=self._rig.redis, serializer=JSONSerializer).delete()

    def held(self) -> dict[str, Any]:
        """Return what is left in the sets of the limits, and the jobs that have no end."""
        left: dict[str, Any] = {}
        for limit in MOST:
            for kind in ("allowed", "rate_limited"):
                left[f"{limit} {kind}"] = self._rig.redis.zrange(f"rq:rl:{limit}:{kind}", 0, -1)
        with self._rig.redis.pipeline(transaction=False) as pipeline:
            for job_id in self.jobs:
                pipeline.hget(f"rq:job:{job_id}", "status")
            statuses = dict(zip(self.jobs, pipeline.execute(), strict=True))
        left["jobs"] = {job: status for job, status in statuses.items() if status and status.decode() not in FINAL}
        return {name: value for name, value in left.items() if value}

    def forgotten(self) -> set[str]:
        """Return the jobs that hold a slot and are neither queued nor running."""
        redis, now = self._rig.redis, time.time()
        holders = [job.decode() for limit in MOST for job in redis.zrange(f"rq:rl:{limit}:allowed", 0, -1)]
        idle = [job for job in holders if redis.hget(f"rq:job:{job}", "status") not in (b"queued", b"started")]
        return {job for job in idle if not redis.zcount(f"rq:executions:{job}", now, "+inf")}

    def assert_kept(self) -> None:
        seen: dict[str, float] = {}  # forgotten jobs, and since when

        def is_drained() -> bool:
            self._rig.expire_leases()
            now, forgotten = time.monotonic(), self.forgotten()
            for job in seen.keys() - forgotten:
                del seen[job]
            for job in forgotten:
                assert now - seen.setdefault(job, now) < FORGOTTEN_SECONDS, f"job {job} keeps its slot"
            return not self.held()

        wait_until(is_drained, seconds=60, what="all jobs have ended")
        assert self.held() == {}
        assert self._rig.effects.too_many() == []
        assert self._rig.effects.taken() > len(self.jobs) / 3  # the others were canceled, deleted, or fail before it


def _kill_tree(rig: Rig, victim: Worker) -> None:
    rig.kill(victim)


def _terminate(rig: Rig, victim: Worker) -> None:
    victim.terminate()


def _kill_part(rig: Rig, victim: Worker) -> None:
    """Kill one process, a child or its supervisor, and wait until those that it has forked are also dead."""
    if parts := descendants(victim.pid):
        part = rig.random.choice(parts)
        family = [part, *descendants(part)]
        send(part, signal.SIGKILL)
        rig.killed([part])
        wait_until(lambda: not any(alive(pid) for pid in family), what="the processes are dead")


def _restart_redis(rig: Rig, victim: Worker) -> None:
    rig.server.kill()
    rig.server.start()


HARMS = (_kill_tree, _terminate, _kill_part, _restart_redis)


@contextmanager
def _again_and_again(act: Callable[[], object], *, pause: float = 0.05) -> Iterator[None]:
    ended = threading.Event()

    def repeat() -> None:
        while not ended.wait(pause):
            with suppress(RedisError, OSError, ValueError):
                act()

    thread = threading.Thread(target=repeat, name="tool")
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


def _run(rig: Rig, *, rounds: int, jobs: int) -> None:
    limited = Limited(rig)
    limited.submit(jobs)
    rig.until_online(*rig.fleet.start(CREW))
    for number in range(rounds):
        crew = [worker for worker in rig.fleet.workers if worker.is_alive and not worker.was_told_to_end]
        HARMS[number % len(HARMS)](rig, rig.random.choice(crew))
        limited.take_some(jobs // 10)
        limited.submit(jobs // 10)
        rig.fleet.start(CREW - len([w for w in crew if w.is_alive and not w.was_told_to_end]))
        time.sleep(rig.random.uniform(0, 0.5))
    limited.assert_kept()


@pytest.mark.slow
def test_limits_hold_while_workers_die_and_redis_restarts():
    with start_rig(SEED + 60, through_proxy=False) as rig:
        _run(rig, rounds=len(HARMS), jobs=40)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(3))
def test_limits_hold_for_long(seed):
    with start_rig(SEED + 61 + seed, through_proxy=False) as rig:
        _run(rig, rounds=24, jobs=400)


@pytest.mark.slow
def test_limits_hold_beside_rqs_own_worker_scheduler_and_clean_up():
    expected = re.compile("It fails as it should")
    with start_rig(SEED + 65, through_proxy=False, expected=expected) as rig:
        queue = Queue("default", connection=rig.redis, serializer=JSONSerializer)
        limited = Limited(rig)
        limited.submit(200)
        [stock] = rig.fleet.start(program=(*STOCK, "--url", rig.server.url))
        with _again_and_again(lambda: clean_registries(queue, exception_handlers=None)):
            rig.until_online(*rig.fleet.start(2), stock)
            for _ in range(10):
                limited.take_some(10)
                limited.submit(10)
                time.sleep(rig.random.uniform(0, 0.5))
            limited.assert_kept()
        assert int(rig.redis.hget("rq:worker:stock", "successful_job_count")) > 10
