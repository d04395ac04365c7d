"""A step is repeated until Redis has answered it."""

from __future__ import annotations

import threading
import time

import pytest
from redis.exceptions import ConnectionError, ResponseError

from taskdesk.service.redis_errors import is_passing
from taskdesk.worker import redis_retry
from taskdesk.worker.redis_retry import Interrupted, retry_until_redis_answers


@pytest.fixture(autouse=True)
def pauses(monkeypatch):
    """The pauses of this thread. Those of others, of an earlier test say, stay as they are."""
    pauses, sleep, mine = [], time.sleep, threading.get_ident()
    monkeypatch.setattr(
        redis_retry.time, "sleep", lambda seconds: (pauses.append if threading.get_ident() == mine else sleep)(seconds)
    )
    return pauses


def failing(*errors):
    """A step that fails with these errors, and then answers."""
    left = list(errors)

    def step():
        if left:
            raise left.pop(0)
        return "answer"

    return step


def test_it_pauses_longer_after_each_failure_and_says_so_once(redis, pauses, caplog):
    attempts = []

    answer = retry_until_redis_answers(
        failing(*[ConnectionError("away")] * 8), redis, on_attempt=lambda: attempts.append(1)
    )

    assert (answer, len(attempts)) == ("answer", 9)
    assert pauses == [0.05, 0.1, 0.2, 0.4, 0.8, 1.6, 2.0, 2.0]
    assert [record.getMessage() for record in caplog.records] == ["Redis: away; trying again until it answers"]


def test_an_error_that_does_not_pass_is_raised(redis, pauses):
    with pytest.raises(ResponseError, match="wrong"):
        retry_until_redis_answers(failing(ResponseError("wrong")), redis, is_passing=is_passing)

    assert pauses == []


def test_the_caller_may_give_up(redis):
    with pytest.raises(Interrupted):
        retry_until_redis_answers(
            failing(*[ConnectionError("away")] * 8), redis, on_failure=lambda attempts: attempts < 3
        )
