"""Too much of something: Redis's disk is full (F11), or more jobs come than the workers can run (F23)."""

from __future__ import annotations

import threading
import time
from collections import Counter
from pathlib import Path

import pytest

from tests.conftest import Stack, wait_until
from tests.faults.catalog import ONCE
from tests.faults.harness import start_rig
from tests.faults.over_http import Answer, post, web
from tests.faults.scale import LIMIT, promised, size
from tests.faults.verdict import BYTES_PER_JOB

pytestmark = pytest.mark.timeout(LIMIT)


class Crowd:
    """Clients that submit urgent jobs as fast as they are answered, while the block runs. `answers`: what they got."""

    def __init__(self, stack: Stack, clients: int):
        self.answers: list[Answer] = []
        self._stack = stack
        self._ended = threading.Event()
        self._threads = [threading.Thread(target=self._submit, name="client") for _ in range(clients)]

    def __enter__(self) -> Crowd:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        for thread in self._threads:
            thread.join()

    def _submit(self) -> None:
        while not self._ended.is_set():
            self.answers.append(post(self._stack, "effect_high", b'{"seconds": 0.05}'))


def fill(disk: Path) -> Path:
    """Fill the disk to the last byte, and return the file that does so."""
    filler = disk / "filler"
    with filler.open("wb", buffering=0) as file:
        for size in (65536, 4096):
            try:
                while file.write(b"x" * size) == size:
                    pass
            except OSError:
                continue
    return filler


@pytest.mark.slow
def test_f11_while_the_disk_of_redis_is_full_nothing_is_lost(assert_kept, small_disk):
    """F11: Redis refuses writes (MISCONF). The web answers 503 with Retry-After; workers keep their jobs, and go on
    when there is room.
    """
    with start_rig(12, disk=small_disk) as rig, web(rig, 2) as stack:
        rig.redis.config_set("appendfsync", "everysec")  # with "always" Redis ends itself, which is F06
        with rig.load(ONCE):
            rig.until_at_work()
            rig.until_running(rig.submit("effect_high", seconds=1.5))
            filler = fill(small_disk)
            refused = wait_until(
                lambda: answer if (answer := post(stack, "effect")).status != 202 else None, what="Redis refuses"
            )
            time.sleep(size(1, 60))
            lives = [worker.is_alive for worker in rig.fleet.workers]
            filler.unlink()
            rig.until_at_work(seconds=promised(15))
            wait_until(lambda: post(stack, "effect").status == 202, what="the web accepts again")

        rig.adopt()
        report = rig.check("F11 Redis's disk full", once=True, succeed=True)
    report.expect((refused.status, refused.retry_after) == (503, "5"), f"the web answered {refused}")
    report.expect(refused.seconds < promised(1), f"that took {refused.seconds:.1f} s")
    report.expect(all(lives), "a worker died")
    assert_kept(report)


MAX_QUEUED = 20  # jobs
MIN_REFUSED = 10  # a busy machine sends few requests
SECONDS = size(1, 60)


@pytest.mark.slow
def test_f23_what_is_too_much_is_refused_and_the_low_queue_still_moves(assert_kept):
    """F23: many times more jobs than the workers can run. What does not fit is refused with 429 and Retry-After; Redis
    and the queue stay small, and jobs of the low queue also run.
    """
    with start_rig(24) as rig, web(rig, 1, MAX_QUEUED=str(MAX_QUEUED), RATE_LIMIT="1000000/second") as stack:
        rig.redis.config_set("appendfsync", "everysec")
        depth, memory, began = 0, 0, time.monotonic()
        with Crowd(stack, 8) as crowd:
            wait_until(lambda: rig.redis.llen("rq:queue:high") > MAX_QUEUED / 2, what="urgent jobs wait")
            low = [rig.submit("effect_low") for _ in range(2)]
            while time.monotonic() < began + SECONDS or (waits := [j for j in low if not rig.jobs.get(j).is_final]):
                depth = max(depth, rig.redis.llen("rq:queue:high"))
                memory = max(memory, rig.redis.info("memory")["used_memory"])
                assert time.monotonic() < began + SECONDS + promised(20), f"{len(waits)} jobs of the low queue wait"
                time.sleep(0.05)
            urgent_left = rig.redis.llen("rq:queue:high")

        rig.adopt()
        report = rig.check("F23 overload", once=True, succeed=True)
    statuses = Counter(answer.status for answer in crowd.answers)
    slowest = sorted(answer.seconds for answer in crowd.answers)[int(0.99 * len(crowd.answers))]
    report.expect(set(statuses) == {202, 429}, f"answers: {dict(statuses)}")
    report.expect(statuses[429] >= MIN_REFUSED, f"the load was no overload: {dict(statuses)}")
    refused = [answer for answer in crowd.answers if answer.status == 429]
    report.expect(all(answer.retry_after for answer in refused), "a 429 without Retry-After")
    report.expect(slowest < promised(1), f"99 of 100 answers took {slowest:.2f} s")
    report.expect(depth <= MAX_QUEUED, f"{depth} jobs waited")
    report.expect(urgent_left > MAX_QUEUED / 2, "the low queue moved only when there was nothing else")
    report.expect(memory < 5_000_000 + statuses[202] * BYTES_PER_JOB, f"Redis used {memory} bytes")
    assert_kept(report)
