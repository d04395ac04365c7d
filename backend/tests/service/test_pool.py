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

sys.exit(Pool("process", {size}, work, helpers={helpers}).run())
"""


def start_pool(work: str, size: int, log: Path, helpers: int = 0) -> subprocess.Popen[bytes]:
    program = PROGRAM.format(work=work, size=size, helpers=helpers)
    with log.open("wb") as output:
        return subprocess.Popen([sys.executable, "-c", program], cwd=BACKEND, stderr=output)


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


@pytest.mark.slow
def test_a_pool_gives_up_when_its_processes_keep_failing(tmp_path):
    pool = start_pool("raise ValueError('nothing works')", 1, tmp_path / "log")

    assert pool.wait(30) == 1
    assert "giving up" in (tmp_path / "log").read_text()


@pytest.mark.slow
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


@pytest.mark.slow
def test_a_pool_goes_on_while_its_helper_keeps_failing(tmp_path):
    work = "time.sleep(60 if number == 0 else 0); os._exit(3)"
    log = tmp_path / "log"
    pool = start_pool(work, 1, log, helpers=1)

    wait_until(lambda: log.read_text().count("starting another") >= 6, what="it has failed six times", seconds=30)

    assert pool.poll() is None
    pool.terminate()
    assert pool.wait(30) == 0


@pytest.mark.slow
def test_a_pool_gives_up_when_its_processes_keep_failing_beside_a_helper(tmp_path):
    pool = start_pool("time.sleep(60 if number else 0); os._exit(3)", 1, tmp_path / "log", helpers=1)

    assert pool.wait(30) == 1
