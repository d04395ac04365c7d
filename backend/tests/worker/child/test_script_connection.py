"""The child shows signs of life while it waits for Redis, or sends it much, and takes no answer for another's."""

from __future__ import annotations

from pathlib import Path
from random import Random

import pytest

import taskdesk.worker.child.script_connection
from taskdesk.jobs.scripts import Script
from taskdesk.service.redis import connect_with_timeout
from taskdesk.worker.child.script_connection import CHUNK_BYTES, ScriptConnection
from taskdesk.worker.redis_retry import Interrupted
from taskdesk.worker.scripts import COUNT_SUCCESS
from tests.faults.proxy import Proxy


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


@pytest.fixture
def lossy(redis):
    """Redis behind a proxy that swallows a tenth of its answers, and the connection with it."""
    proxy = Proxy(redis.connection_pool.connection_kwargs["port"], seed=1)
    proxy.start()
    proxy.loss = 0.1
    yield connect_with_timeout(f"redis://127.0.0.1:{proxy.port}", 5)
    proxy.stop()


def test_a_call_has_its_own_answer_whatever_was_told_and_lost_in_between(lossy, tmp_path, show_life, monkeypatch):
    monkeypatch.setattr(taskdesk.worker.child.script_connection, "SHORTEST_PAUSE_SECONDS", 0.001)
    echo = Path(tmp_path / "echo.lua")
    echo.write_text("return {ARGV[1]}")
    script, chance = Script(echo), Random(1)
    connection = ScriptConnection(lossy, 5, give_up=lambda: False, show_life=show_life)

    for number in range(300):
        if connection.send(script, (), (number,)):
            for _ in range(chance.randrange(5)):
                connection.tell("APPEND", "journal", "x")
        assert connection.answer() == [str(number).encode()]

    connection.close()
