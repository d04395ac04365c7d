"""The child shows that it lives, whatever it does while no function runs."""

from __future__ import annotations

import os

import pytest

import taskdesk.worker.child.queue_waiter
from taskdesk.service.redis import connect_with_timeout
from taskdesk.worker.child.queue_waiter import QueueWaiter
from taskdesk.worker.child.sandbox import Sandbox
from taskdesk.worker.child.script_connection import CHUNK_BYTES, ScriptConnection
from taskdesk.worker.redis_retry import Interrupted
from taskdesk.worker.scripts import COUNT_SUCCESS


@pytest.fixture
def signs():
    """The patience that each asks for."""
    return []


@pytest.fixture
def show_life(signs):
    return lambda patience=0.0: signs.append(patience)


def test_a_wait_for_a_job_wakes_up_now_and_then(redis, signs, show_life, monkeypatch):
    monkeypatch.setattr(taskdesk.worker.child.queue_waiter, "SIGN_OF_LIFE_SECONDS", 0.1)
    wakeup, other = os.pipe()
    waiter = QueueWaiter(redis, tuple(f"rq:queue:{number}" for number in range(50)), show_life)

    waiter.wait(wakeup, 1.0)

    waiter.close()
    os.close(wakeup), os.close(other)
    assert signs.count(0.0) >= 5


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


def test_the_removal_of_many_files_shows_life(tmp_path, signs, show_life):
    sandbox = Sandbox.__new__(Sandbox)  # whose making changes the whole process
    sandbox._folder, sandbox._show_life = str(tmp_path), show_life
    (tmp_path / "deep" / "er").mkdir(parents=True)
    for number in range(50):
        (tmp_path / "deep" / "er" / str(number)).touch()

    sandbox._empty_folder()

    assert len(signs) > 50
    assert list(tmp_path.iterdir()) == []
