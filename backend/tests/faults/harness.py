"""The harness: a rig with its own Redis, network and workers, load for it, and the check of what is promised.

A scenario starts a rig, submits jobs, does harm and calls `check`. The check waits until all jobs have ended (a minute
at most), then compares what was accepted, what ran and what the product says (`verdict.py`). After the rig is closed,
its logs may hold no traceback that the scenario does not expect.
"""

from __future__ import annotations

import re
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from random import Random
from typing import Any

from redis import Redis
from redis.backoff import ConstantBackoff, NoBackoff
from redis.exceptions import ConnectionError, RedisError, ResponseError, TimeoutError
from redis.retry import Retry
from rq.worker_registration import REDIS_WORKER_KEYS

from taskdesk.jobs.job import Job
from taskdesk.jobs.job_id import new_job_id
from taskdesk.jobs.jobs import Jobs
from taskdesk.jobs.keys import WORKERS
from taskdesk.service.errors import AppError
from tests.conftest import wait_until
from tests.faults import endings, logs, reconciler
from tests.faults.catalog import CATALOG, KEPT, OFTEN, QUEUES
from tests.faults.effects import Effect, Effects
from tests.faults.endings import BY_CHANCE, ENDINGS, GONE, PLAIN
from tests.faults.fleet import Fleet, Worker
from tests.faults.history import History
from tests.faults.ledger import ACCEPTED, FORGOTTEN, REFUSED, UNKNOWN, Ledger
from tests.faults.proxy import Proxy
from tests.faults.reconciler import Snapshot
from tests.faults.redis_process import FaultyRedis
from tests.faults.report import Report
from tests.faults.verdict import Verdict, due

DRAIN = 60.0  # seconds: more than lease + sweep + the longest job + 10 s
PLAIN_SHARE = 0.75  # of the load; the rest ends in the other ways


class Rig:
    """The Redis, proxy, workers, ledger and effects of one scenario. `close` ends all of them."""

    def __init__(self, seed: int, *, processes: int = 1, through_proxy: bool = True, disk: Path | None = None):
        self._temporary = tempfile.TemporaryDirectory(prefix="faults-")
        self.folder = folder = Path(self._temporary.name)
        self.random = Random(seed)
        self.server = FaultyRedis(disk or folder)
        self.server.start()
        self.proxy = Proxy(self.server.port, seed)
        self.proxy.start()
        self.url = f"redis://127.0.0.1:{self.proxy.port}/0" if through_proxy else self.server.url
        # The harness's own connection retries; the one that submits reports each error at once, for the ledger.
        retry = Retry(ConstantBackoff(0.2), 50)
        errors = [ConnectionError, TimeoutError, OSError]
        self.redis = Redis.from_url(self.server.url, socket_timeout=5, retry=retry, retry_on_error=errors)
        self._front = Redis.from_url(self.server.url, socket_timeout=1, retry=Retry(NoBackoff(), 0))
        self.jobs = Jobs(self.redis, QUEUES)
        self._submits = Jobs(self._front, QUEUES)
        self.effects = Effects(folder / "effects")
        self.ledger = Ledger(folder / "ledger.sqlite")
        self.history = History()
        self.fleet = Fleet(folder, self.url, self.effects.path, processes=processes)
        self.kills: list[tuple[float, frozenset[int]]] = []

    def close(self) -> None:
        self.server.thaw()
        self.fleet.stop()
        self.redis.close()
        self._front.close()
        self.proxy.stop()
        self.server.stop()
        self.ledger.close()

    def forget_files(self) -> None:
        self._temporary.cleanup()

    # Load

    def add_history(self, count: int) -> None:
        """Add this many finished jobs, which Redis has to load each time it starts."""
        self.history.load(self.redis, self.jobs, count)

    def submit(self, task: str, **arguments: Any) -> str:
        """Submit a job, record in the ledger what was answered, and return the job's id."""
        job_id = new_job_id()
        self.ledger.intend(job_id, task)
        self._send(job_id, lambda: self._submits.submit(CATALOG.tasks[task], arguments, KEPT, job_id=job_id))
        return job_id

    def enqueue(self, name: str, task: str, *, seconds: float = 0, pause: int = 0, **more: Any) -> str:
        """Submit a job with RQ's own code so that it ends as `name` says (`endings.py`), and return its id.

        If it waits for another job, that one is submitted first. `more` goes to RQ's `enqueue`.
        """
        ending, job_id, parent = ENDINGS[name], new_job_id(), ""
        if name == PLAIN:
            return self.submit(task, seconds=seconds)
        if ending.needs:
            parent = self.enqueue(ending.needs, task, seconds=seconds, pause=pause)
            if parent not in self.ledger.entries(ACCEPTED):
                return parent  # RQ cannot make a job wait for one that may not be there
        task = ending.only_for or task
        self.ledger.intend(job_id, task, name, parent)
        options = {"parent": parent, "seconds": seconds, "pause": pause, **more}
        in_steps = bool(ending.needs)
        self._send(job_id, lambda: endings.enqueue(self._front, ending, task, job_id, **options), in_steps=in_steps)
        return job_id

    def _send(self, job_id: str, submit: Callable[[], Any], *, in_steps: bool = False) -> None:
        """`in_steps`: RQ stores the job and then does more. If Redis refuses that, the job is there."""
        try:
            submit()
        except (ResponseError, AppError):
            if not in_steps:
                self.ledger.settle(job_id, REFUSED)
        except (RedisError, OSError):
            pass  # no answer: the job stays unknown
        else:
            self.ledger.settle(job_id, ACCEPTED)

    def adopt(self) -> None:
        """Record the jobs that others submitted over HTTP: the ledger knows only that they are there."""
        for job_id in Snapshot(self.redis).jobs.keys() - self.ledger.tasks(ACCEPTED, REFUSED, UNKNOWN, FORGOTTEN):
            self.ledger.intend(job_id, "")

    def flood(self, count: int, task: str) -> None:
        """Submit this many jobs in one call."""
        for job_id in self._submits.submit_many(CATALOG.tasks[task], [{}] * count, KEPT):
            self.ledger.intend(job_id, task)
            self.ledger.settle(job_id, ACCEPTED)

    def backlog(self, count: int, tasks: Sequence[str] = OFTEN) -> None:
        """Submit this many jobs one by one; about a quarter of them end in another way than PLAIN."""
        for _ in range(count):
            self._submit_by(self.random, tasks)

    @contextmanager
    def load(self, tasks: Sequence[str] = OFTEN, *, rate: float = 50) -> Iterator[None]:
        """Submit about `rate` jobs a second to three queues while the block runs; they end in all possible ways."""
        ended = threading.Event()
        chance = Random(self.random.random())

        def submit() -> None:
            while not ended.wait(chance.expovariate(rate)):
                self._submit_by(chance, tasks)

        thread = threading.Thread(target=submit, name="submitter")
        thread.start()
        try:
            yield
        finally:
            ended.set()
            thread.join()

    def _submit_by(self, chance: Random, tasks: Sequence[str]) -> None:
        name = PLAIN if chance.random() < PLAIN_SHARE else chance.choice(BY_CHANCE)
        seconds = chance.choice((0, 0, 0.01, 0.05))
        self.enqueue(name, chance.choice(tasks), seconds=seconds, pause=chance.choice((0, 1)))

    # Waiting

    def until_running(self, job_id: str) -> Effect:
        """Wait until the job's function has begun, and return its latest effect."""
        found: list[Effect] = wait_until(lambda: self.effects.of(job_id), what=f"job {job_id} begins")
        return found[-1]

    def until_at_work(self, *, seconds: float = 60) -> None:
        """Wait until a task leaves a new effect."""
        size = self.effects.path.stat().st_size
        wait_until(lambda: self.effects.path.stat().st_size > size, seconds=seconds, what="the workers work")

    def until_online(self, *workers: Worker, seconds: float = 60) -> None:
        """Wait until each of these workers has registered one of its processes with RQ."""

        def online() -> bool:
            with suppress(RedisError, OSError):
                keys = self._front.smembers(REDIS_WORKER_KEYS)
                registered = {int(self._front.hget(key, "pid") or 0) for key in keys}
                return all(registered & set(worker.tree()) for worker in workers)
            return False

        wait_until(online, seconds=seconds, what="the workers are online")

    def until_final(self, job_id: str, *, seconds: float = 60) -> Job:
        def final() -> Job | None:
            job = self.jobs.get(job_id)
            return job if job.is_final else None

        ended: Job = wait_until(final, seconds=seconds, what=f"job {job_id} ends")
        return ended

    # Harm

    def kill(self, worker: Worker) -> None:
        """Send SIGKILL to all processes of a worker."""
        self.killed(worker.kill())

    def freeze(self, worker: Worker) -> list[int]:
        """Send SIGSTOP to all processes of a worker. Return their pids, supervisors before their children."""
        frozen = worker.freeze()
        self.killed(frozen)
        return frozen

    def expire_leases(self) -> None:
        """End the leases of killed and frozen workers now, and the grace time after a start of Redis."""
        dead = frozenset[int]().union(*(pids for _, pids in self.kills))
        for key in self.redis.smembers(REDIS_WORKER_KEYS):
            if int(self.redis.hget(key, "pid") or 0) in dead:
                self.redis.zadd(WORKERS, {key.decode().removeprefix("rq:worker:"): 0}, xx=True)
        self.redis.delete("taskdesk:sweep:grace")
        self.redis.set("taskdesk:sweep:last", self.redis.time()[0] - 5)

    def killed(self, pids: Sequence[int]) -> None:
        """Record that these processes are dead now, so that the recovery of their jobs is measured."""
        self.kills.append((time.time(), frozenset(pids)))

    def forget(self, size: int) -> int:
        """Kill Redis, cut the last `size` bytes off its file, and start it. Return how many jobs lost data."""
        lost = self.server.lose(size).decode("latin-1")
        self.server.start()
        jobs = self.ledger.tasks(ACCEPTED, UNKNOWN, FORGOTTEN).keys() & set(reconciler.JOB_ID.findall(lost))
        for job_id in jobs:
            self.ledger.settle(job_id, FORGOTTEN)
        return len(jobs)

    # The check

    def check(self, name: str, *, once: bool = False, succeed: bool = False, drain: float = DRAIN) -> Report:
        """Wait until all jobs have ended, and compare the witnesses.

        `once`: no function may have begun a second time. `succeed`: no job may have failed, except those that were
        meant to.
        """
        self._drain(drain)
        return Verdict(self, name).judge(once=once, succeed=succeed)

    def _drain(self, seconds: float) -> None:
        """Wait until all jobs have ended, at most this long."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline and not self.is_drained():
            time.sleep(0.2)

    def is_drained(self) -> bool:
        """Return True if every job has ended, or waits for ever as it should, and Redis's keys agree."""
        entries = self.ledger.entries(ACCEPTED, UNKNOWN, FORGOTTEN)
        with self.redis.pipeline(transaction=False) as pipeline:
            for job_id in entries:
                pipeline.hget(f"rq:job:{job_id}", "status")
            answers = [status.decode() if status else GONE for status in pipeline.execute()]
        statuses = dict(zip(entries, answers, strict=True))
        have_ended = all(
            status in (*reconciler.FINAL, GONE, due(entries[job_id], statuses.get(entries[job_id].parent, GONE)))
            for job_id, status in statuses.items()
        )
        return have_ended and not any(Snapshot(self.redis).astray())


@contextmanager
def start_rig(
    seed: int,
    *,
    processes: int = 1,
    through_proxy: bool = True,
    disk: Path | None = None,
    expected: re.Pattern[str] | None = None,
) -> Iterator[Rig]:
    """Start a rig, and fail if a log of it has a traceback or a worker ended by itself.

    `disk`: another folder for Redis's data. `expected`: matches the tracebacks that the logs may hold.
    """
    rig = Rig(seed, processes=processes, through_proxy=through_proxy, disk=disk)
    try:
        yield rig
    except BaseException:
        print(rig.fleet.log()[-10_000:])  # pytest shows it
        raise
    finally:
        rig.close()
        found = list(logs.tracebacks(rig.folder, expected))
        rig.forget_files()
    died = rig.fleet.died()
    assert not died, f"workers ended by themselves: {died}"
    assert not found, f"{len(found)} tracebacks in the logs, such as:\n" + "\n\n".join(found[:3])
