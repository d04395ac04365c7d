"""Every line of "Coming from RQ" and "Coming from Celery" runs, in order, as somebody would type it."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from redis import Redis

from taskdesk.jobs.catalog_reader import CatalogReader
from tests.conftest import wait_until
from tests.pages import all_blocks

pytestmark = pytest.mark.slow  # workers of several kinds

WRITTEN = "redis://127.0.0.1:6379/0"  # on the pages


class Reader:
    """Somebody who has one terminal for workers, and one for the rest."""

    def __init__(self, folder: Path, redis_url: str):
        self._folder = folder
        self._redis_url = redis_url
        self._worker: subprocess.Popen[bytes] | None = None
        self._environment = {
            name: value for name, value in os.environ.items() if name not in ("REDIS_URL", "QUEUES", "TASKS")
        } | {"PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}", "PYTHONPATH": str(folder), "WORKERS": "1"}

    def follow(self, page: str) -> None:
        printed = ""
        for language, text in all_blocks(page):
            text = text.replace(WRITTEN, self._redis_url)
            if language == "python":
                name = re.match(r"# (\w+\.py)\n", text)
                assert name, text
                (self._folder / name[1]).write_text(text)
            elif re.search(r"^(\w+=\S+ )*(taskdesk|rq) worker ", text):
                self.start_worker(text)
            elif language == "sh":
                printed = self.run(text, status=1 if "taskdesk doctor" in text else 0)
            else:
                assert (language, printed) == ("text", text)

    def start_worker(self, command: str) -> None:
        self.stop_worker()
        self._worker = subprocess.Popen(f"exec env {command}", shell=True, cwd=self._folder, env=self._environment)
        if "taskdesk" in command:
            catalog = CatalogReader(Redis.from_url(self._redis_url))
            wait_until(lambda: catalog.read().workers, what="the worker announces its tasks")

    def run(self, commands: str, status: int = 0) -> str:
        done = subprocess.run(
            ["bash", "-euc", commands],
            cwd=self._folder,
            env=self._environment,
            capture_output=True,
            text=True,
            timeout=60,
        )
        assert done.returncode == status, (commands, done.stdout, done.stderr)
        return done.stdout

    def stop_worker(self) -> None:
        if self._worker:
            self._worker.terminate()
            self._worker.wait(timeout=60)
            self._worker = None


@pytest.fixture
def reader(tmp_path, redis_url):
    reader = Reader(tmp_path, redis_url)
    yield reader
    reader.stop_worker()


def test_each_step_from_rq_and_the_way_back_work(reader):
    reader.follow("coming-from-rq.md")


def test_the_tasks_and_the_calls_that_celery_users_write_work(reader, redis_url):
    reader.follow("coming-from-celery.md")
    reader.start_worker(f"REDIS_URL={redis_url} taskdesk worker ./tasks.py")

    assert reader.run("python app.py") == "cat.png scheduled succeeded\n"
