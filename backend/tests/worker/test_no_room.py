"""A worker whose disk or whose Redis is full goes on: a job fails for want of room on the disk only, and says so."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

import pytest
from redis.exceptions import RedisError

from taskdesk.jobs.artifacts import FolderStore
from taskdesk.jobs.job import Retention
from taskdesk.jobs.keys import EXPIRED, JOBS, WORKERS, job_key
from taskdesk.worker.supervisor.housekeeping import Housekeeping
from taskdesk.worker.supervisor.retention import Sweeper
from taskdesk.worker.supervisor.worker import TaskWorker
from tests.conftest import preloaded, wait_until

RETENTION = Retention(100, 200)


@pytest.fixture
def worker_settings(worker_settings, small_disk):
    return worker_settings.model_copy(update={"data_dir": small_disk})


def files_in(folder: Path) -> list[str]:
    """The names of all files but that of the worker that looks at the file system's clock (FolderStore)."""
    return [path.name for path in folder.rglob("*") if path.is_file() and path.name != ".now"]


def test_a_file_for_which_there_is_no_room_fails_its_job_alone(jobs, registry, run_worker, small_disk):
    (small_disk / "ballast").write_bytes(b"x" * (7_900 << 10))
    tasks = registry.catalog.tasks
    with_files = jobs.submit(tasks["parts"], {}, RETENTION)
    without = jobs.submit(tasks["echo"], {"text": "a"}, RETENTION)

    run_worker()

    assert jobs.get(without.id).status == "succeeded"
    assert jobs.get(with_files.id).error["title"] == "Disk full"
    assert "There is no room for 13 more bytes" in jobs.get(with_files.id).error["detail"]
    assert files_in(small_disk) == ["ballast"]


def test_a_result_whose_last_files_find_no_room_leaves_none(jobs, registry, run_worker, small_disk):
    disk, block = FolderStore(small_disk).disk(), 4096
    (small_disk / "ballast").write_bytes(b"x" * block * ((disk.free - disk.reserve) // block - 1))
    job = jobs.submit(registry.catalog.tasks["parts"], {}, RETENTION)

    run_worker()

    assert jobs.get(job.id).error["title"] == "Disk full"
    assert "There is no room for 13 more bytes" not in jobs.get(job.id).error["detail"]  # the first had some
    assert files_in(small_disk) == ["ballast"]


@pytest.mark.slow
def test_while_redis_is_full_a_job_that_runs_ends_and_none_begins(redis, jobs, registry, worker_process, tmp_path):
    redis.setrange("ballast", 20_000_000, b"x")
    job = jobs.submit(registry.catalog.tasks["wait_for"], {"path": str(tmp_path / "go")}, RETENTION)
    following = jobs.submit(registry.catalog.tasks["echo"], {"text": "a"}, RETENTION)
    wait_until(lambda: jobs.get(job.id).status == "running", what="the job runs")
    try:
        redis.config_set("maxmemory", 10_000_000)
        (tmp_path / "go").touch()

        wait_until(lambda: jobs.get(job.id).status == "succeeded", what="the job has ended")
        assert jobs.result(jobs.get(job.id)) == "seen"
        wait_until(lambda: "> 'maxmemory'" in worker_process.log("worker"), what="the worker waits for room")
        assert jobs.get(following.id).status == "queued"
    finally:
        redis.config_set("maxmemory", 0)
    wait_until(lambda: jobs.get(following.id).status == "succeeded", what="the next job has run")
    assert worker_process.processes["worker"].poll() is None


@pytest.fixture
def reciting(redis, jobs, registry, worker_process, tmp_path):
    """A job that prints what it finds in a folder, and runs."""
    job = jobs.submit(registry.catalog.tasks["recites"], {"folder": str(tmp_path)}, RETENTION)
    wait_until(lambda: jobs.get(job.id).status == "running", what="the job runs")
    return job.id


@pytest.mark.slow
def test_while_redis_is_full_a_job_that_runs_is_canceled(jobs, reciting, leave, tmp_path, worker_process):
    leave(1.1)
    for verse in ("1", "2"):
        os.mkfifo(tmp_path / verse)
        with (tmp_path / verse).open("w") as pipe:  # opens when the job reads: of the second, it has printed the first
            pipe.write("words that find no room\n")

    assert jobs.cancel(reciting) == ["running"]
    wait_until(lambda: jobs.get(reciting).status == "canceled", what="the job is canceled")

    assert "the last output of job" in worker_process.log("worker")
    assert jobs.delete(reciting) == ["canceled"]


@pytest.mark.slow
def test_while_redis_is_full_a_worker_is_known_to_live(redis, reciting, leave):
    leave(1.1)
    [(name, last)] = redis.zrange(WORKERS, 0, -1, withscores=True)

    wait_until(lambda: redis.zscore(WORKERS, name) > last, what="it beats")


@pytest.mark.slow
def test_while_redis_is_full_a_job_is_canceled_though_no_message_tells_its_worker(redis, jobs, reciting, leave):
    leave(1.1)
    redis.client_kill_filter(_type="pubsub")

    assert jobs.cancel(reciting) == ["running"]

    wait_until(lambda: jobs.get(reciting).status == "canceled", what="the job is canceled")


def test_while_redis_is_full_what_has_expired_is_swept(redis, jobs, registry, worker_settings, leave, small_disk):
    job = jobs.submit(registry.catalog.tasks["echo"], {"text": "a"}, RETENTION)
    redis.delete(job_key(job.id))
    leave(1.1)

    sweeper = Sweeper(redis, FolderStore(small_disk), worker_settings)
    with suppress(RedisError):  # what comes after that needs room
        Housekeeping(TaskWorker(worker_settings, preloaded(registry), redis), preloaded(registry), sweeper).do_if_due()

    assert redis.zscore(JOBS, job.id) is None
    assert redis.zscore(EXPIRED, job.id)
