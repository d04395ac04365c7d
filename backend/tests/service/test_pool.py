"""A pool replaces processes that end, and gives up if they can't start."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.conftest import BACKEND, wait_until
from tests.faults.fleet import alive

Pids = Callable[[], list[int]]

PROGRAM = """
import os, sys, time
from taskdesk.service.pool import Pool

def work(number):
    {work}

sys.exit(Pool("process", {size}, work).run())
"""


def start_pool(work: str, size: int, log: Path) -> subprocess.Popen[bytes]:
    with log.open("wb") as output:
        return subprocess.Popen(
            [sys.executable, "-c", PROGRAM.format(work=work, size=size)], cwd=BACKEND, stderr=output
        )


@pytest.fixture
def living(tmp_path) -> Iterator[tuple[subprocess.Popen[bytes], Pids]]:
    """A pool of two processes, and a function that returns the pids of all processes so far."""
    folder = tmp_path / "pids"
    folder.mkdir()
    pool = start_pool(f"open('{folder}/' + str(os.getpid()), 'w').close(); time.sleep(60)", 2, tmp_path / "log")

    def pids() -> list[int]:
        return [int(name) for name in os.listdir(folder)]

    wait_until(lambda: len(pids()) == 2)
    yield pool, pids
    pool.kill()
    pool.wait()


def test_a_killed_process_is_replaced(living):
    _, pids = living

    os.kill(pids()[0], signal.SIGKILL)

    wait_until(lambda: len(pids()) == 3)


def test_the_processes_of_a_killed_pool_end(living):
    pool, pids = living

    pool.kill()

    wait_until(lambda: not any(alive(pid) for pid in pids()))


def test_a_pool_gives_up_when_its_processes_keep_failing(tmp_path):
    pool = start_pool("raise ValueError('nothing works')", 1, tmp_path / "log")

    assert pool.wait(30) == 1
    assert "giving up" in (tmp_path / "log").read_text()


def test_a_pool_may_give_up_when_several_have_ended_at_once(tmp_path):
    program = """
import os, sys
from taskdesk.service import pool as processes

class Late(processes.Pool):
    def _ended(self):
        for pid in self._started:
            os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)
        return super()._ended()

processes._PATIENCE = 0
sys.exit(Late("process", 2, lambda number: os._exit(3)).run())
"""

    pool = subprocess.run([sys.executable, "-c", program], cwd=BACKEND, capture_output=True, text=True, timeout=60)

    assert "giving up" in pool.stderr
    assert "Traceback" not in pool.stderr
