"""The time is Redis's, as far as anybody can tell from when it was asked and when its answer came."""

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


def test_a_clock_that_is_off_is_set_by_what_redis_says():
    for ahead in (86_400, -86_400):
        clock.adjust(told(ahead), clock.monotonic())

        assert clock.now() == pytest.approx(time.time() + ahead, abs=0.1)
        assert clock.utc_now().timestamp() == pytest.approx(clock.now(), abs=0.1)


def test_an_answer_that_was_long_under_way_changes_nothing_that_it_does_not_contradict():
    clock.adjust(told(0), clock.monotonic())

    clock.adjust(told(-3), clock.monotonic() - 5)

    assert clock.now() == pytest.approx(time.time(), abs=0.1)


def test_processes_that_were_forked_share_what_one_hears(redis):
    clock.sync(redis)
    if not (pid := os.fork()):
        clock.adjust(told(1000), clock.monotonic())
        os._exit(0)
    os.waitpid(pid, 0)

    assert clock.now() == pytest.approx(time.time() + 1000, abs=0.1)
