"""A job that is killed leaves nothing in shared memory."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from taskdesk.worker.supervisor.shared_memory import remove_shared_memory
from tests.conftest import wait_until

MEMORY = Path("/dev/shm")
LOKY = """
from joblib import Parallel, delayed
import numpy, time
Parallel(2)(delayed(time.sleep)(60) for _ in [numpy.zeros(1_000_000)] * 4)"""
SPAWN = """
import multiprocessing, time
lock = multiprocessing.get_context("spawn").Lock()
time.sleep(60)"""


def _left(word):
    return {path for path in MEMORY.iterdir() if word in path.name}


@pytest.mark.slow
@pytest.mark.parametrize(("code", "word"), [pytest.param(LOKY, "loky-", marks=pytest.mark.slow), (SPAWN, "sem.mp-")])
@pytest.mark.skipif(not MEMORY.is_dir(), reason="there is no such folder")
def test_a_canceled_job_leaves_no_shared_memory(submit, worker_process, jobs, code, word):
    before = _left(word)
    job_id = submit("runs", code=code)
    wait_until(lambda: _left(word) - before, what="the job has made some")
    made = _left(word) - before

    jobs.cancel(job_id)

    wait_until(lambda: jobs.get(job_id).status == "canceled")
    wait_until(lambda: not any(path.exists() for path in made), what="it is removed")


def test_only_what_a_process_has_made_itself_is_removed(tmp_path, monkeypatch):
    monkeypatch.setattr("taskdesk.worker.supervisor.shared_memory._FOLDER", str(tmp_path))
    names = ["sem.loky-12-a", "sem.loky-123-a", "sem.mp-12-b", "psm_12", "joblib_memmapping_folder_12_c"]
    for name in names:
        (tmp_path / name).mkdir() if name.startswith("joblib") else (tmp_path / name).touch()

    remove_shared_memory(12, tmp_path.stat().st_ctime + 5)
    assert sorted(os.listdir(tmp_path)) == sorted(names)  # older than the process

    remove_shared_memory(12, tmp_path.stat().st_ctime - 5)
    assert sorted(os.listdir(tmp_path)) == ["psm_12", "sem.loky-123-a"]
