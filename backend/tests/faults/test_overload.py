"""What happens when there is too much: Redis's disk is full (F11), or more comes than can be done (F23)."""

from __future__ import annotations

import os
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.conftest import Stack, wait_until
from tests.faults.harness import ONCE, Desk, desk

ALL = os.environ.get("FAULTS") == "all"
pytestmark = pytest.mark.timeout(900 if ALL else 75)


@contextmanager
def web(opened: Desk, **settings: str) -> Iterator[Stack]:
    stack = Stack(opened.server.url, opened.folder, TASKS="tests.faults.tasks", **settings)
    stack.start("server")
    try:
        wait_until(stack.answers, what="the web answers")
        yield stack
    finally:
        stack.stop()


def post(stack: Stack, task: str) -> tuple[int, str, float]:
    """Submit a job over HTTP: status, Retry-After and seconds."""
    request = urllib.request.Request(
        f"{stack.url}/api/v1/tasks/{task}/jobs", b"{}", {"Content-Type": "application/json"}
    )
    began = time.monotonic()
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:
            return answer.status, "", time.monotonic() - began
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.headers.get("Retry-After", ""), time.monotonic() - began


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    folder = tmp_path / "disk"
    folder.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=16m", "none", folder], capture_output=True, check=False
    )
    if mounted.returncode:
        pytest.skip("a disk of its own takes root's rights")
    yield folder
    subprocess.run(["umount", folder], check=True)


def fill(disk: Path) -> Path:
    """Leave no byte of it."""
    filler = disk / "filler"
    with filler.open("wb", buffering=0) as file:
        for size in (65536, 4096):
            try:
                while file.write(b"x" * size) == size:
                    pass
            except OSError:
                continue
    return filler


def test_f11_while_the_disk_of_redis_is_full_nothing_is_lost(assert_kept, small_disk):
    """F11: Redis refuses writes (MISCONF). The web answers 503 and when to come again; workers keep what they have, and
    go on when there is room.
    """
    with desk(12, disk=small_disk) as opened, web(opened) as stack:
        opened.redis.config_set("appendfsync", "everysec")  # with "always" Redis ends itself, which is F06
        pool = opened.fleet.start(2)
        opened.until_online(*pool)
        with opened.load(ONCE):
            opened.until_at_work()
            opened.until_running(opened.submit("effect_high", seconds=1.5))
            filler = fill(small_disk)
            status, retry_after, seconds = wait_until(
                lambda: answer if (answer := post(stack, "effect"))[0] != 202 else None, what="Redis refuses"
            )
            time.sleep(60 if ALL else 2)
            lives = [worker.lives for worker in pool]
            filler.unlink()
            opened.until_at_work(seconds=15)
            wait_until(lambda: post(stack, "effect")[0] == 202, what="the web accepts again")

        opened.adopt()
        report = opened.check("F11 Redis's disk full", once=True, succeed=True)
    report.expect((status, retry_after) == (503, "5"), f"the web answered {status}, Retry-After: {retry_after!r}")
    report.expect(seconds < 1, f"that took {seconds:.1f} s")
    report.expect(all(lives), "a worker died")
    assert_kept(report)
