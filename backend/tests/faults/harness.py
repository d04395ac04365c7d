"""The harness: a rig with a Redis, a network and workers of its own, load for it, and the check of what is promised.

A scenario starts a rig, lets jobs come, does harm, and asks for the check. The check waits until all is done (a minute
at most), and compares what was accepted, what ran and what the product says (`verdict.py`). Once a rig is closed, no
log of it may have a traceback that the scenario does not expect.
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
from taskdesk.jobs.jobs import Jobs, new_job_id
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
    """Redis, proxy, workers, ledger and effects of one scenario. Everything ends with `close`."""

    def __init__(self, seed: int, *, processes: int = 1, through_proxy: bool = True, disk: Path | None = None):
        self._temporary = tempfile.TemporaryDirectory(prefix="faults-")
        self.folder = folder = Path(self._temporary.name)
        self.random = Random(seed)
        self.server = FaultyRedis(disk or folder)
        self.server.start()
        self.proxy = Proxy(self.server.port, seed)
        self.proxy.start()
        self.url = f"redis://127.0.0.1:{self.proxy.port}/0" if through_proxy else self.server.url
        # The harness's own connection is patient; the one that submits tells at once what happened.
        patience = Retry(ConstantBackoff(0.2), 50)
        errors = [ConnectionError, TimeoutError, OSError]
        self.redis = Redis.from_url(self.server.url, socket_timeout=5, retry=patience, retry_on_error=errors)
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

    def age(self, count: int) -> None:
        """Have a past of so many jobs, which Redis has to load whenever it starts."""
        self.history.load(self.redis, self.jobs, count)

    def submit(self, task: str, **arguments: Any) -> str:
        """Submit a job, and write down what became of that; its id."""
        job_id = new_job_id()
        self.ledger.intend(job_id, task)
        self._send(job_id, lambda: self._submits.submit(CATALOG.tasks[task], arguments, KEPT, job_id=job_id))
        return job_id

    def enqueue(self, name: str, task: str, *, seconds: float = 0, pause: int = 0, **more: Any) -> str:
        """Submit a job that ends in this way (`endings.py`), after the one that it waits for, as RQ's producers do.

        `more`: what else they tell RQ.
        """
        ending, job_id, parent = ENDINGS[name], new_job_id(), ""
        if name == PLAIN:
            return self.submit(task, seconds=seconds)
        if ending.needs:
            parent = self.enqueue(ending.needs, task, seconds=seconds, pause=pause)
            if parent not in self.ledger.entries(ACCEPTED):
                return parent  # it may not be there
        task = ending.only_for or task
        self.ledger.intend(job_id, task, name, parent)
        options = {"parent": parent, "seconds": seconds, "pause": pause, **more}
        self._send(job_id, lambda: endings.enqueue(self._front, ending, task, job_id, **options))
        return job_id

    def _send(self, job_id: str, submit: Callable[[], Any]) -> None:
        try:
            submit()
        except (ResponseError, AppError):
            self.ledger.settle(job_id, REFUSED)
        except (RedisError, OSError):
            pass  # no answer: it stays unknown
        else:
            self.ledger.settle(job_id, ACCEPTED)

    def adopt(self) -> None:
        """Write down the jobs that were submitted by others, over HTTP: that they are there is all that is known."""
        for job_id in Snapshot(self.redis).jobs.keys() - self.ledger.tasks(ACCEPTED, REFUSED, UNKNOWN, FORGOTTEN):
            self.ledger.intend(job_id, "")

    def flood(self, count: int, task: str) -> None:
        """Submit so many jobs at once."""
        for job_id in self._submits.submit_many(CATALOG.tasks[task], [{}] * count, KEPT):
            self.ledger.intend(job_id, task)
            self.ledger.settle(job_id, ACCEPTED)

    def backlog(self, count: int, tasks: Sequence[str] = OFTEN) -> None:
        """Submit so many jobs; about a quarter of them end in other ways than most do."""
        for _ in range(count):
            self._submit_by(self.random, tasks)

    @contextmanager
    def load(self, tasks: Sequence[str] = OFTEN, *, rate: float = 50) -> Iterator[None]:
        """Submit about so many jobs a second, on three queues, while the block runs; they end in all ways there are."""
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
        """Wait until the job's function has begun."""
        found: list[Effect] = wait_until(lambda: self.effects.of(job_id), what=f"job {job_id} begins")
        return found[-1]

    def until_at_work(self, *, seconds: float = 60) -> None:
        """Wait until something new is done."""
        size = self.effects.path.stat().st_size
        wait_until(lambda: self.effects.path.stat().st_size > size, seconds=seconds, what="the workers work")

    def until_online(self, *workers: Worker, seconds: float = 60) -> None:
        """Wait until each of these has registered a process of its own as RQ's worker."""

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
        """SIGKILL to a worker's whole tree."""
        self.killed(worker.kill())

    def freeze(self, worker: Worker) -> list[int]:
        """SIGSTOP to a worker's whole tree; its processes, the supervisors before their children."""
        frozen = worker.freeze()
        self.killed(frozen)
        return frozen

    def expire_leases(self) -> None:
        """As if the time had passed after which the killed and the frozen count as lost, and the time of grace of a new
        Redis.
        """
        dead = frozenset[int]().union(*(pids for _, pids in self.kills))
        for key in self.redis.smembers(REDIS_WORKER_KEYS):
            if int(self.redis.hget(key, "pid") or 0) in dead:
                self.redis.zadd(WORKERS, {key.decode().removeprefix("rq:worker:"): 0}, xx=True)
        self.redis.delete("taskdesk:sweep:grace")
        self.redis.set("taskdesk:sweep:last", self.redis.time()[0] - 5)

    def killed(self, pids: Sequence[int]) -> None:
        """Remember that these are dead now, so that their victims' recovery is measured."""
        self.kills.append((time.time(), frozenset(pids)))

    def forget(self, size: int) -> int:
        """Redis dies, its file loses its last bytes, and it comes back; how many jobs had something in there."""
        lost = self.server.lose(size).decode("latin-1")
        self.server.start()
        jobs = self.ledger.tasks(ACCEPTED, UNKNOWN, FORGOTTEN).keys() & set(reconciler.JOB_ID.findall(lost))
        for job_id in jobs:
            self.ledger.settle(job_id, FORGOTTEN)
        return len(jobs)

    # The check

    def check(self, name: str, *, once: bool = False, succeed: bool = False, drain: float = DRAIN) -> Report:
        """Wait until all is done, and compare the witnesses.

        `once`: no job's function began again. `succeed`: every job that fails is a broken promise, but those that
        were to fail.
        """
        self._drain(drain)
        return Verdict(self, name).judge(once=once, succeed=succeed)

    def _drain(self, seconds: float) -> None:
        """Wait until all is done, at most so long."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline and not self.is_drained():
            time.sleep(0.2)

    def is_drained(self) -> bool:
        """Return True if every job has ended, or waits for ever as it should, and nothing is astray."""
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
    """`disk`: the folder of Redis's data, if it is to be another. `expected`: what tracebacks in the logs may be of."""
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
