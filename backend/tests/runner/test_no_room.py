"""A worker whose disk is full: the job fails with a sentence, and the worker goes on."""

from __future__ import annotations

import pytest

from jobkit.job import Retention

RETENTION = Retention(100, 200)


@pytest.fixture
def worker_settings(worker_settings, small_disk):
    return worker_settings.model_copy(update={"data_dir": small_disk})


def test_a_file_for_which_there_is_no_room_fails_its_job_alone(jobs, registry, run_worker, small_disk):
    (small_disk / "ballast").write_bytes(b"x" * (7_900 << 10))
    tasks = registry.catalog.tasks
    with_files = jobs.submit(tasks["parts"], {}, RETENTION)
    without = jobs.submit(tasks["echo"], {"text": "a"}, RETENTION)

    run_worker()

    assert jobs.get(without.id).status == "succeeded"
    assert jobs.get(with_files.id).error["title"] == "Disk full"
    assert "There is no room for 13 bytes more" in jobs.get(with_files.id).error["detail"]
    assert [path.name for path in small_disk.rglob("*") if path.is_file()] == ["ballast"]
