"""The harness: a desk with a Redis and workers of its own, load for it, and the check of what is promised.

A scenario starts a desk, lets jobs come, does harm, and asks for the check. The check waits until all is done
(a minute at most), and compares three witnesses: the ledger (what was accepted), the effects file (what ran) and
Redis (what the product says).
"""

from __future__ import annotations

import os
import signal
import statistics
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any

from redis import Redis
from redis.backoff import ConstantBackoff
from redis.exceptions import ConnectionError, RedisError, ResponseError, TimeoutError
from redis.retry import Retry
from rq.worker_registration import REDIS_WORKER_KEYS

from jobkit.errors import AppError
from jobkit.events import read
from jobkit.job import FINAL, Job, Retention
from jobkit.jobs import Jobs, new_job_id
from jobkit.redis import WORKERS
from runner.discovery import discover
from runner.settings import WorkerSettings
from tests.conftest import RedisServer, wait_until
from tests.faults import reconciler
from tests.faults.effects import Effect, Effects
from tests.faults.fleet import Fleet, Worker
from tests.faults.ledger import ACCEPTED, FORGOTTEN, REFUSED, UNKNOWN, Ledger
from tests.faults.proxy import Proxy
from tests.faults.reconciler import Snapshot

QUEUES = ("high", "default", "low")
DRAIN = 60.0  # seconds: more than lease + sweep + the longest job + 10 s
KEPT = Retention(result_ttl=3600, failure_ttl=3600)
BYTES_PER_JOB = 30_000
CATALOG = discover(WorkerSettings(tasks="tests.faults.tasks", queues=QUEUES, _env_file=None)).catalog

ONCE = ("effect_high", "effect", "effect_low")
OFTEN = ("retrying_high", "retrying", "retrying_low")


class FaultyRedis(RedisServer):
    """A Redis that can be killed, frozen and slowed; it comes back on the same port with the same data.

    It syncs at every write: what it loses would be the disk's doing, and is no question to the workers.
    """

    def start(self) -> None:
        super().start()
        with Redis.from_url(self.url) as redis:
            redis.config_set("appendfsync", "always")

    def kill(self) -> None:
        assert self.process
        self.process.kill()
        self.process.wait(timeout=60)

    def lose(self, size: int) -> bytes:
        """Kill it, and cut so many bytes off its file. What it has lost by that: a few bytes more, as a transaction
        that lacks its end counts for nothing.
        """
        self.kill()
        [file] = [*self._folder.glob("appendonly.aof"), *self._folder.glob("appendonlydir/*.incr.aof")]
        content = file.read_bytes()
        left = content[:-size]
        os.truncate(file, len(left))
        return content[max(0, left.rfind(b"*1\r\n$5\r\nMULTI")) :]

    def freeze(self) -> None:
        assert self.process
        self.process.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        assert self.process
        self.process.send_signal(signal.SIGCONT)

    def stop(self) -> None:
        self.thaw()
        super().stop()


@dataclass
class Report:
    """What a scenario showed. `problems` has a sentence for each broken promise."""

    name: str
    counts: Counter[str] = field(default_factory=Counter)
    recovery: list[float] = field(default_factory=list)  # seconds from a kill to the job's next begin or its end
    problems: list[str] = field(default_factory=list)

    def line(self) -> str:
        shown = ("accepted", "unknown", "failed", "lost", "duplicate", "recovered", "stuck")
        counts = ", ".join(f"{self.counts[name]} {name}" for name in shown)
        return f"{self.name}: {counts}; recovery {self._quantiles()}; {len(self.problems)} problems"

    def _quantiles(self) -> str:
        if not self.recovery:
            return "-"
        cuts = statistics.quantiles([*self.recovery, *self.recovery], n=20)
        return f"p50 {cuts[9]:.1f} s, p95 {min(cuts[18], max(self.recovery)):.1f} s, max {max(self.recovery):.1f} s"

    def expect(self, holds: bool, otherwise: str) -> None:
        if not holds:
            self.problems.append(otherwise)


class Desk:
    """Redis, workers, ledger and effects of one scenario. Everything ends with `close`."""

    def __init__(self, seed: int, *, processes: int = 1, through_proxy: bool = False, disk: Path | None = None):
        self._temporary = tempfile.TemporaryDirectory(prefix="faults-")
        folder = Path(self._temporary.name)
        self.random = Random(seed)
        self.server = FaultyRedis(disk or folder)
        self.server.start()
        self.proxy = Proxy(self.server.port)
        self.proxy.start()
        # The harness's own connection is patient; the one that submits tells at once what happened.
        patience = Retry(ConstantBackoff(0.2), 50)
        errors = [ConnectionError, TimeoutError, OSError]
        self.redis = Redis.from_url(self.server.url, socket_timeout=5, retry=patience, retry_on_error=errors)
        self._front = Redis.from_url(self.server.url, socket_timeout=1)
        self.jobs = Jobs(self.redis, QUEUES)
        self._submits = Jobs(self._front, QUEUES)
        self.effects = Effects(folder / "effects")
        self.ledger = Ledger(folder / "ledger.sqlite")
        url = f"redis://127.0.0.1:{self.proxy.port}/0" if through_proxy else self.server.url
        self.folder = folder
        self.fleet = Fleet(folder, url, self.effects.path, processes=processes)
        self._kills: list[tuple[float, frozenset[int]]] = []

    def close(self) -> None:
        self.server.thaw()
        self.fleet.stop()
        self.redis.close()
        self._front.close()
        self.proxy.stop()
        self.server.stop()
        self.ledger.close()
        self._temporary.cleanup()

    # Load

    def submit(self, task: str, **arguments: Any) -> str:
        """Submit a job, and write down what became of that; its id."""
        job_id = new_job_id()
        self.ledger.intend(job_id, task)
        try:
            self._submits.submit(CATALOG.tasks[task], arguments, KEPT, job_id=job_id)
        except ResponseError:
            self.ledger.settle(job_id, REFUSED)
        except (RedisError, OSError):
            pass  # no answer: it stays unknown
        else:
            self.ledger.settle(job_id, ACCEPTED)
        return job_id

    def adopt(self) -> None:
        """Write down the jobs that were submitted by others, over HTTP: that they are there is all that is known."""
        for job_id in Snapshot(self.redis).jobs.keys() - self.ledger.tasks(ACCEPTED, REFUSED, UNKNOWN, FORGOTTEN):
            self.ledger.intend(job_id, "")

    def flood(self, count: int, task: str) -> None:
        """Submit so many jobs at once."""
        for job_id in self._submits.submit_many(CATALOG.tasks[task], [{}] * count, KEPT):
            self.ledger.intend(job_id, task)
            self.ledger.settle(job_id, ACCEPTED)

    def backlog(self, count: int, tasks: Sequence[str] = OFTEN, seconds: Sequence[float] = (0, 0, 0.01, 0.05)) -> None:
        for _ in range(count):
            self.submit(self.random.choice(tasks), seconds=self.random.choice(seconds))

    @contextmanager
    def load(self, tasks: Sequence[str] = OFTEN, *, rate: float = 50) -> Iterator[None]:
        """Submit about so many jobs a second, on three queues, while the block runs."""
        ended = threading.Event()
        chance = Random(self.random.random())

        def submit() -> None:
            while not ended.wait(chance.expovariate(rate)):
                self.submit(chance.choice(tasks), seconds=chance.choice((0, 0, 0.01, 0.05)))

        thread = threading.Thread(target=submit, name="submitter")
        thread.start()
        try:
            yield
        finally:
            ended.set()
            thread.join()

    # Waiting

    def until_running(self, job_id: str) -> Effect:
        """Wait until the job's function has begun."""
        found: list[Effect] = wait_until(lambda: self.effects.of(job_id), what=f"job {job_id} begins")
        return found[-1]

    def until_at_work(self, *, seconds: float = 20) -> None:
        """Wait until something new is done."""
        size = self.effects.path.stat().st_size
        wait_until(lambda: self.effects.path.stat().st_size > size, seconds=seconds, what="the workers work")

    def until_online(self, *workers: Worker, seconds: float = 30) -> None:
        """Wait until each of these has registered a process of its own as RQ's worker."""

        def online() -> bool:
            with suppress(RedisError, OSError):
                keys = self._front.smembers(REDIS_WORKER_KEYS)
                registered = {int(self._front.hget(key, "pid") or 0) for key in keys}
                return all(registered & set(worker.tree()) for worker in workers)
            return False

        wait_until(online, seconds=seconds, what="the workers are online")

    def until_final(self, job_id: str, *, seconds: float = 20) -> Job:
        def final() -> Job | None:
            job = self.jobs.get(job_id)
            return job if job.is_final else None

        ended: Job = wait_until(final, seconds=seconds, what=f"job {job_id} ends")
        return ended

    # Harm

    def kill(self, worker: Worker) -> None:
        """SIGKILL to a worker's whole tree."""
        self.killed(worker.kill())

    def expire_leases(self) -> None:
        """As if the time had passed after which the killed count as lost, and the time of grace of a new Redis."""
        dead = frozenset[int]().union(*(pids for _, pids in self._kills))
        for key in self.redis.smembers(REDIS_WORKER_KEYS):
            if int(self.redis.hget(key, "pid") or 0) in dead:
                self.redis.zadd(WORKERS, {key.decode().removeprefix("rq:worker:"): 0}, xx=True)
        self.redis.delete("taskdesk:sweep:grace")
        self.redis.set("taskdesk:sweep:last", self.redis.time()[0] - 5)

    def killed(self, pids: Sequence[int]) -> None:
        """Remember that these are dead now, so that their victims' recovery is measured."""
        self._kills.append((time.time(), frozenset(pids)))

    def forget(self, size: int) -> int:
        """Redis dies, its file loses its last bytes, and it comes back; how many jobs had something in there."""
        lost = self.server.lose(size).decode("latin-1")
        self.server.start()
        jobs = self.ledger.tasks(ACCEPTED, UNKNOWN, FORGOTTEN).keys() & set(reconciler.JOB_ID.findall(lost))
        for job_id in jobs:
            self.ledger.settle(job_id, FORGOTTEN)
        return len(jobs)

    def interrupted(self) -> list[tuple[str, float, int]]:
        """The jobs whose process was killed while they ran: (job id, time of the kill, pid)."""
        effects = self.effects.all()
        victims = []
        for at, pids in self._kills:
            last = {effect.pid: effect for effect in effects if effect.pid in pids and effect.at <= at}
            victims += [(effect.job_id, at, effect.pid) for effect in last.values() if effect.event == "begin"]
        return victims

    # The check

    def check(self, name: str, *, once: bool = False, succeed: bool = False, drain: float = DRAIN) -> Report:
        """Wait until all is done, and compare the witnesses.

        `once`: no job's function began twice. `succeed`: every job that fails is a broken promise.
        """
        self._drain(drain)
        report = Report(name)
        snapshot = Snapshot(self.redis)
        accepted, unknown = self.ledger.tasks(ACCEPTED), self.ledger.tasks(UNKNOWN, FORGOTTEN)
        report.counts.update(accepted=len(accepted), unknown=len(unknown))
        self._check_states(report, snapshot, accepted, unknown)
        self._check_effects(report, snapshot, {**accepted, **unknown}, once)
        self._check_recovery(report)
        self._check_bounds(report, len(snapshot.jobs))
        if succeed:
            report.expect(not report.counts["failed"], f"{report.counts['failed']} jobs failed")
        report.problems += [f"I6: {sentence}" for sentence in snapshot.astray()]
        return report

    def _drain(self, seconds: float) -> None:
        """Wait until every job has ended and nothing is astray, at most so long."""
        deadline = time.monotonic() + seconds
        waiting = list(self.ledger.tasks(ACCEPTED, UNKNOWN, FORGOTTEN))
        while time.monotonic() < deadline:
            with self.redis.pipeline(transaction=False) as pipeline:
                for job_id in waiting:
                    pipeline.hget(f"rq:job:{job_id}", "status")
                statuses = pipeline.execute()
            waiting = [
                job_id
                for job_id, status in zip(waiting, statuses, strict=True)
                if status and status.decode() not in reconciler.FINAL
            ]
            if not waiting and not any(Snapshot(self.redis).astray()):
                return
            time.sleep(0.2)

    def _check_states(
        self, report: Report, snapshot: Snapshot, accepted: dict[str, str], unknown: dict[str, str]
    ) -> None:
        """I1, I2, I5: one final state each; what has none is lost if nothing holds it, and stuck otherwise."""
        for job_id in [*accepted, *(job_id for job_id in unknown if job_id in snapshot.jobs)]:
            status = snapshot.jobs.get(job_id, "gone")
            if status not in reconciler.FINAL:
                held = snapshot.held(job_id)
                report.counts["stuck" if held else "lost"] += 1
                report.problems.append(f"{'I5: stuck' if held else 'I1: lost'}: job {job_id} is {status}, in {held}")
                continue
            report.counts[status] += 1
            told = {e.data["status"] for e in read(self.redis, job_id) if e.type == "state"} & FINAL
            report.expect(len(told) <= 1, f"I2: job {job_id} was told to be {sorted(told)}")

    def _check_effects(self, report: Report, snapshot: Snapshot, known: dict[str, str], once: bool) -> None:
        """I3, I4: what succeeded has run, what never began has not, and nothing ran that nobody asked for."""
        begun, ended = self.effects.counts("begin"), self.effects.counts("end")
        forgotten = self.ledger.tasks(FORGOTTEN)
        for job_id in begun.keys() - forgotten:
            report.expect(job_id in known and job_id in snapshot.jobs, f"I4: {job_id} ran, and there is no such job")
        for job_id in known.keys() - forgotten:
            report.counts["duplicate"] += ended.get(job_id, 0) > 1
            if once and begun.get(job_id, 0) > 1:
                report.problems.append(f"I3: job {job_id} began {begun[job_id]} times")
            status = snapshot.jobs.get(job_id)
            if status == "finished" and not ended.get(job_id):
                report.problems.append(f"I3: job {job_id} succeeded, and never ran to its end")
            if status == "canceled" and begun.get(job_id) and not self.jobs.get(job_id).started_at:
                report.problems.append(f"I3: job {job_id} was cancelled before its start, and ran")

    def _check_recovery(self, report: Report) -> None:
        effects = self.effects.all()
        for job_id, at, pid in self.interrupted():
            again = [e.at for e in effects if e.job_id == job_id and e.event == "begin" and e.at > at and e.pid != pid]
            with suppress(AppError):
                job = self.jobs.get(job_id)
                if job.is_final and job.ended_at:
                    again.append(job.ended_at.timestamp())
            if again:
                report.counts["recovered"] += 1
                report.recovery.append(max(0.0, min(again) - at))

    def _check_bounds(self, report: Report, jobs: int) -> None:
        """I8: memory, connections and files stay in proportion to what was done."""
        memory = int(self.redis.info("memory")["used_memory"])
        report.expect(memory < 5_000_000 + jobs * BYTES_PER_JOB, f"I8: Redis uses {memory} bytes for {jobs} jobs")
        clients, processes = int(self.redis.info("clients")["connected_clients"]), len(self.fleet.living())
        report.expect(clients <= 10 + 8 * processes, f"I8: {clients} connections of {processes} processes")
        killed = sum(len(pids) for _, pids in self._kills)
        folders = len(list(self.fleet.temporary.glob("taskdesk-*")))
        report.expect(folders <= killed + processes, f"I8: {folders} temporary folders, {processes} processes live")


@contextmanager
def desk(seed: int, *, processes: int = 1, through_proxy: bool = False, disk: Path | None = None) -> Iterator[Desk]:
    """`disk`: the folder of Redis's data, if it is to be another."""
    opened = Desk(seed, processes=processes, through_proxy=through_proxy, disk=disk)
    try:
        yield opened
    except BaseException:
        print(opened.fleet.log()[-10_000:])  # pytest shows it
        raise
    finally:
        opened.close()
