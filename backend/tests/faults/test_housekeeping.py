"""Nothing grows for ever: keys and files of jobs are gone once their time has passed. FAULTS=all runs 200,000 jobs."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from taskdesk.jobs.artifacts import FolderStore
from taskdesk.jobs.job import Retention
from taskdesk.jobs.keys import EXPIRED, JOBS, SWEEP_LOCK
from taskdesk.worker.settings import WorkerSettings
from taskdesk.worker.supervisor.retention import UPLOAD_GRACE_SECONDS, Sweeper
from tests.conftest import wait_until
from tests.faults.catalog import CATALOG, QUEUES
from tests.faults.harness import Rig, start_rig
from tests.faults.scale import ALL, LIMIT

COUNT, AT_ONCE = (200_000, 500) if ALL else (500, 100)
BRIEF = Retention(result_ttl=1, failure_ttl=1)


@dataclass(frozen=True)
class Footprint:
    """The size of Redis and the data folder. `memory` excludes the ids of expired jobs, of which 100,000 are kept."""

    memory: int
    keys: int
    files: int
    folder_bytes: int

    @classmethod
    def of(cls, rig: Rig) -> Footprint:
        redis, sizes = rig.redis, list(_file_sizes(rig.fleet.data))
        memory = redis.info("memory")["used_memory"] - (redis.memory_usage(EXPIRED, samples=100) or 0)
        return cls(int(memory), int(redis.dbsize()), len(sizes), sum(sizes))

    def __str__(self) -> str:
        return (
            f"Redis {self.memory / 1e6:.1f} MB, {self.keys} keys; {self.files} files, {self.folder_bytes / 1e6:.1f} MB"
        )


def _file_sizes(folder: Path) -> Iterator[int]:
    for parent, _, names in os.walk(folder):
        for name in names:
            try:
                yield os.stat(f"{parent}/{name}").st_size
            except FileNotFoundError:  # it is being removed
                continue


@pytest.mark.slow
@pytest.mark.timeout(3_000 if ALL else LIMIT)
def test_short_jobs_with_files_leave_redis_and_the_data_folder_flat(capsys):
    with start_rig(1) as rig:
        rig.redis.config_set("appendfsync", "everysec")
        rig.fleet.start(2 if ALL else 1)
        _run(rig, AT_ONCE)
        _let_all_expire(rig)
        before = Footprint.of(rig)

        began = time.monotonic()
        peak = _run(rig, COUNT)
        seconds = time.monotonic() - began
        _let_all_expire(rig)
        after = Footprint.of(rig)

    with capsys.disabled():
        print(f"\n{COUNT} jobs in {seconds:.0f} s\nbefore {before}\npeak   {peak}\nafter  {after}")
    assert peak.files > before.files
    assert after.keys <= before.keys + 10  # there may be some for this minute
    assert after.files <= before.files
    assert after.memory <= before.memory + 2_000_000


def _run(rig: Rig, count: int) -> Footprint:
    """Run this many jobs, a few thousand waiting at a time, and return the largest footprint."""
    peak = Footprint.of(rig)
    for start in range(0, count, AT_ONCE):
        arguments = [{"says": number % 5 == 0} for number in range(AT_ONCE)]
        rig.jobs.submit_many(CATALOG.tasks["leaves_a_file"], arguments, BRIEF)
        wait_until(lambda: rig.redis.llen("rq:queue:low") < 2_000, seconds=60, what="the workers keep up")
        if start % 20_000 == 0 or start + AT_ONCE == count:
            peak = max(peak, Footprint.of(rig), key=lambda footprint: footprint.keys)
    wait_until(lambda: _none_is_under_way(rig), seconds=120, what="all jobs end")
    return max(peak, Footprint.of(rig), key=lambda footprint: footprint.files)


def _none_is_under_way(rig: Rig) -> bool:
    return not any(rig.redis.exists(f"rq:queue:{queue}", f"rq:wip:{queue}") for queue in QUEUES)


def _let_all_expire(rig: Rig) -> None:
    """Let all jobs expire, make their files an hour old, and sweep without waiting for the workers to do so."""
    wait_until(lambda: not next(rig.redis.scan_iter("rq:job:*", 1000), None), seconds=60, what="the jobs expire")
    store = FolderStore(rig.fleet.data / "artifacts")
    long_ago = time.time() - UPLOAD_GRACE_SECONDS - 1
    for folder in rig.fleet.data.glob("artifacts/??/*"):
        os.utime(folder, (long_ago, long_ago))
    sweeper = Sweeper(rig.redis, store, WorkerSettings(queues=QUEUES, _env_file=None))

    def is_swept() -> bool:
        rig.redis.delete(SWEEP_LOCK)
        sweeper.sweep()
        return not rig.redis.exists(JOBS) and not next(store.job_ids(), None)

    wait_until(is_swept, seconds=1_000, what="all is swept")
