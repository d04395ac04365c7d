"""A soak: load, faults, deploys and people who watch, for SOAK seconds (`make soak`). Memory has to stay flat."""

from __future__ import annotations

import os
import threading
import urllib.request
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from statistics import median

import pytest

from tests.conftest import Stack
from tests.faults.catalog import OFTEN, ONCE
from tests.faults.fleet import descendants
from tests.faults.harness import start_rig
from tests.faults.nemesis import CREW, Nemesis
from tests.faults.over_http import post, web
from tests.faults.scale import SEED

SOAK = int(os.environ.get("SOAK", "0"))
SAMPLES = 60
JOBS_PER_SECOND = 15
PAGES = (
    "/",
    "/jobs",
    "/failures",
    "/queues",
    "/charts",
    "/workers",
    "/metrics",
    "/api/v1/jobs?limit=50",
    "/tasks/effect",
)
MAX_GROWTH = 0.06  # of the memory of a process, from the second quarter to the last
SPARE_BYTES = 3_000_000


@pytest.mark.skipif(not SOAK, reason="`make soak` takes an hour")
@pytest.mark.timeout(SOAK + 900)
def test_memory_stays_flat_whatever_happens(assert_kept, capsys):
    """Processes that nothing ends keep their size, and all that F30 promises holds."""
    with start_rig(SEED + 50) as rig, web(rig, CREW, RATE_LIMIT="100000/second") as stack:
        [staying] = rig.fleet.start()
        rig.until_online(staying)
        rig.fleet.workers.remove(staying)  # so that nobody harms it
        nemesis = Nemesis(rig)
        roots = {"web": stack.processes["server"].pid, "worker": staying.pid}
        with rig.load((*OFTEN, *ONCE, "effect_once"), rate=JOBS_PER_SECOND), people(stack), sampled(roots) as sizes:
            nemesis.rage(SOAK, most_pause=10)
            rig.until_at_work()
        rig.fleet.workers.append(staying)
        rig.adopt()
        rig.expire_leases()
        report = rig.check(f"soak of {SOAK} s, {len(nemesis.done)} faults", drain=120)
        grown = growth(sizes)
        report.expect({"web", "worker"} <= {name.split()[0] for name in grown}, "the processes lived all the time")
        for name, (before, after) in grown.items():
            report.expect(after <= before * (1 + MAX_GROWTH) + SPARE_BYTES, f"{name}: {before} to {after} bytes")
            with capsys.disabled():
                print(f"\nsoak: {name}: {before / 1e6:.1f} MB, then {after / 1e6:.1f} MB", end="")
    assert_kept(report)


@contextmanager
def people(stack: Stack) -> Iterator[None]:
    """Read pages, submit over HTTP and follow the events of jobs, while the block runs."""
    ended = threading.Event()

    def read() -> None:
        while not ended.wait(0.5):
            for page in PAGES:
                with suppress(OSError), urllib.request.urlopen(stack.url + page, timeout=10) as answer:
                    answer.read()

    def follow() -> None:
        while not ended.wait(1):
            with suppress(OSError):
                job_id = post(stack, "effect", b'{"seconds": 0.2}').job_id
                with urllib.request.urlopen(f"{stack.url}/api/v1/jobs/{job_id}/events", timeout=10) as answer:
                    answer.read()

    threads = [threading.Thread(target=one) for one in (read, follow)]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        ended.set()
        for thread in threads:
            thread.join()


@contextmanager
def sampled(roots: dict[str, int]) -> Iterator[dict[str, list[int]]]:
    """Measure the processes below these while the block runs: the bytes (PSS) by name and pid."""
    ended, sizes = threading.Event(), defaultdict[str, list[int]](list)

    def measure() -> None:
        while not ended.wait(SOAK / SAMPLES):
            for name, root in roots.items():
                for pid in (root, *descendants(root)):
                    with suppress(OSError, IndexError):
                        rollup = Path(f"/proc/{pid}/smaps_rollup").read_text()
                        sizes[f"{name} {pid}"].append(int(rollup.partition("\nPss:")[2].split()[0]) * 1024)

    thread = threading.Thread(target=measure)
    thread.start()
    try:
        yield sizes
    finally:
        ended.set()
        thread.join()


def growth(sizes: dict[str, list[int]]) -> dict[str, tuple[float, float]]:
    """Return the median size in the second and in the last quarter, of each process that lived all the time."""
    lived = {name: found for name, found in sizes.items() if len(found) >= SAMPLES * 0.9}
    return {name: (median(found[15:30]), median(found[-15:])) for name, found in lived.items()}
