"""The clock follows Redis, within the time between a question and its answer."""

from __future__ import annotations

import os
import time

import pytest

from taskdesk.service import clock


@pytest.fixture(autouse=True)
def _set_right(redis):
    yield
    clock.sync(redis)


def told(ahead: float) -> tuple[int, int]:
    now = time.time() + ahead
    return int(now), int(now % 1 * 1e6)


def test_a_wrong_clock_is_adjusted_to_redis():
    for ahead in (86_400, -86_400):
        clock.adjust(told(ahead), clock.monotonic())

        assert clock.now() == pytest.approx(time.time() + ahead, abs=0.1)
        assert clock.utc_now().timestamp() == pytest.approx(clock.now(), abs=0.1)


def test_a_slow_answer_changes_the_clock_only_as_far_as_it_contradicts_it():
    clock.adjust(told(0), clock.monotonic())

    clock.adjust(told(-3), clock.monotonic() - 5)

    assert clock.now() == pytest.approx(time.time(), abs=0.1)


def test_forked_processes_share_the_clock(redis):
    clock.sync(redis)
    if not (pid := os.fork()):
        clock.adjust(told(1000), clock.monotonic())
        os._exit(0)
    os.waitpid(pid, 0)

    assert clock.now() == pytest.approx(time.time() + 1000, abs=0.1)
