"""Plays a scenario with the RQ that is installed, while the test that started this process runs the worker.

    python -m tests.contract.rq2_producer <scenario> <Redis's URL> <folder>

A line on stdout tells the test to start a worker ("burst", "on") or to end it ("end"). The test answers with a line.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from redis import Redis

from tests.contract.rq_stack import RqStack
from tests.contract.scenarios import SCENARIOS


@contextmanager
def start_worker(burst: bool) -> Iterator[None]:
    _tell("burst" if burst else "on")
    yield
    _tell("end")


def _tell(what: str) -> None:
    print(what, flush=True)
    sys.stdin.readline()


if __name__ == "__main__":
    scenario, redis_url, folder = sys.argv[1:]
    SCENARIOS[scenario](RqStack(Redis.from_url(redis_url), Path(folder), start_worker))
