"""GPUS: each worker process sees a GPU of its own."""

from __future__ import annotations

import os

import pytest

from taskdesk.jobs.catalog_reader import CatalogReader
from taskdesk.jobs.job import Retention
from taskdesk.service.errors import SettingsError
from taskdesk.service.settings import load
from taskdesk.worker.gpus import gpu_names, take_gpu
from taskdesk.worker.settings import WorkerSettings
from tests.conftest import BACKEND, Stack, wait_until

RETENTION = Retention(result_ttl=100, failure_ttl=200)
TASKS = """
import os
from pathlib import Path
AT_IMPORT = os.environ.get("CUDA_VISIBLE_DEVICES")

def sees(folder: str) -> list[str | None]:
    (Path(folder) / f"sees-{os.getpid()}").touch()
    while len(list(Path(folder).glob("sees-*"))) < 3:  # so that each process gets one of the jobs
        pass
    return [AT_IMPORT, os.environ.get("CUDA_VISIBLE_DEVICES")]
"""


@pytest.fixture
def nvidia_smi(tmp_path, monkeypatch):
    """Put a program of this name on PATH that ends like this."""
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)

    def put(script: str) -> None:
        program = tmp_path / "nvidia-smi"
        program.write_text(f"#!/bin/sh\n{script}\n")
        program.chmod(0o755)
        monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)

    return put


@pytest.mark.slow
def test_each_worker_process_sees_its_own_gpu_before_it_imports_the_tasks(redis, redis_url, tmp_path, jobs):
    (tmp_path / "gpu_tasks").mkdir()
    (tmp_path / "gpu_tasks" / "__init__.py").write_text(TASKS)
    path = os.pathsep.join([str(tmp_path), str(BACKEND)])
    stack = Stack(redis_url, tmp_path, TASKS="gpu_tasks", WORKERS="3", GPUS="2", PYTHONPATH=path)
    reader = CatalogReader(redis)
    stack.start("worker")
    try:
        wait_until(lambda: len(reader.read(max_age=0).workers) == 3, what="the workers are online")
        spec = reader.read(max_age=0).tasks["sees"]
        ids = jobs.submit_many(spec, [{"folder": str(tmp_path)}] * 3, RETENTION)
        wait_until(lambda: all(jobs.get(job_id).is_final for job_id in ids), what="the jobs end")
    finally:
        stack.stop()

    assert sorted(jobs.result(jobs.get(job_id)) for job_id in ids) == [["0", "0"], ["0", "0"], ["1", "1"]]


def test_auto_asks_the_driver(nvidia_smi):
    nvidia_smi("echo 'GPU 0: NVIDIA A100 (UUID: GPU-1)'; echo '  MIG 1g.5gb Device 0:'; echo 'GPU 1: NVIDIA A100'")

    assert gpu_names("auto") == ["0", "1"]


def test_auto_shares_the_gpus_that_the_environment_names(nvidia_smi, monkeypatch):
    nvidia_smi("echo 'GPU 0: NVIDIA A100 (UUID: GPU-1)'")
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "3, GPU-8f1c")

    names = gpu_names("auto")

    seen = []
    for number in range(3):
        take_gpu(names, number)
        seen.append(os.environ["CUDA_VISIBLE_DEVICES"])
    assert seen == ["3", "GPU-8f1c", "3"]


@pytest.mark.parametrize("script", ["echo 'No devices were found'; exit 6", "exit 0", "echo broken >&2; exit 127"])
def test_without_an_answer_of_the_driver_its_files_count(nvidia_smi, tmp_path, script):
    nvidia_smi(script)
    for name in ("nvidia0", "nvidia1", "nvidia10", "nvidiactl", "nvidia-uvm", "nvidia0foo"):
        (tmp_path / name).touch()

    assert gpu_names("auto", tmp_path) == ["0", "1", "2"]


def test_if_there_is_none_a_sentence_says_so_and_the_variable_is_not_set(nvidia_smi, tmp_path, caplog):
    nvidia_smi("exit 9")

    names = gpu_names("auto", tmp_path / "empty")
    take_gpu(names, 0)

    assert "CUDA_VISIBLE_DEVICES" not in os.environ
    assert "GPUS=auto: neither nvidia-smi nor" in caplog.text


@pytest.mark.parametrize("value", ["0", "-1", "all", "1.5", "2000", "²"])
def test_gpus_is_auto_or_a_number(value):
    with pytest.raises(SettingsError, match="GPUS: it has to be auto, a number from 1 to 1024, or empty"):
        load(WorkerSettings, gpus=value)
