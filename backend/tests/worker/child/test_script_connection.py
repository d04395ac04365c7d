"""The child shows signs of life while it waits for Redis, or sends it much."""

from __future__ import annotations

import pytest

from taskdesk.service.redis import connect_with_timeout
from taskdesk.worker.child.script_connection import CHUNK_BYTES, ScriptConnection
from taskdesk.worker.redis_retry import Interrupted
from taskdesk.worker.scripts import COUNT_SUCCESS


def test_a_wait_for_redis_shows_life_at_each_attempt(show_life, signs):
    """Nobody listens there."""
    connection = ScriptConnection(
        connect_with_timeout("redis://127.0.0.1:1", 1), 1, give_up=lambda: len(signs) > 6, show_life=show_life
    )

    with pytest.raises(Interrupted):
        connection.call(COUNT_SUCCESS, (), ("default",))

    assert len(signs) > 6


def test_a_large_result_is_sent_with_signs_of_life(redis, signs, show_life):
    connection = ScriptConnection(redis, 5, give_up=lambda: False, show_life=show_life)

    connection.call(COUNT_SUCCESS, (), ("x" * 5 * CHUNK_BYTES,))

    connection.close()
    assert signs.count(0.0) > 5
