"""Programs that are too old for the data in Redis refuse to start, with a sentence."""

from __future__ import annotations

import subprocess
import sys

import pytest

from taskdesk import Desk
from taskdesk.service.data_version import DATA_VERSION, DATA_VERSION_KEY, refusal_of_data
from taskdesk.service.errors import SettingsError
from tests.conftest import BACKEND

NEWER = DATA_VERSION + 1
SENTENCE = "The data in Redis are of Taskdesk 9.0.0"


@pytest.fixture
def raised(redis):
    """A Redis that a program of a later version has used. At the end it is for the next test."""
    assert refusal_of_data(redis, NEWER, "9.0.0") == ""
    yield
    redis.delete(DATA_VERSION_KEY)


def test_this_version_writes_nothing_and_reads_what_no_version_has_marked(redis):
    assert refusal_of_data(redis) == ""
    assert redis.keys() == []


def test_a_later_version_marks_the_data_and_this_one_refuses_them(redis, raised):
    assert redis.get(DATA_VERSION_KEY) == b"%d 9.0.0" % NEWER
    assert refusal_of_data(redis).startswith(f"{SENTENCE}, and this is 0.1.0, which can't read them: upgrade")
    assert refusal_of_data(redis, NEWER, "9.0.1") == ""


def test_the_number_is_never_lowered(redis, raised):
    refusal_of_data(redis, NEWER - 1, "8.0.0")

    assert redis.get(DATA_VERSION_KEY) == b"%d 9.0.0" % NEWER


def test_a_damaged_mark_refuses_nobody(redis):
    redis.set(DATA_VERSION_KEY, b"\xff?")

    assert refusal_of_data(redis) == ""
    assert redis.get(DATA_VERSION_KEY) == b"1 0.1.0"


@pytest.mark.slow
@pytest.mark.parametrize("program", [["server.py"], ["worker.py"], ["dashboard.py"], ["-m", "taskdesk", "tasks"]])
def test_each_program_ends_with_the_sentence(redis, raised, redis_url, tmp_path, program):
    environment = {"REDIS_URL": redis_url, "DATA_DIR": str(tmp_path), "DASHBOARD_PASSWORD": "x" * 40, "PATH": ""}

    done = subprocess.run(
        [sys.executable, *program], cwd=BACKEND, env=environment, capture_output=True, text=True, timeout=60
    )

    assert done.returncode in (1, 2)
    assert SENTENCE in done.stderr
    assert "Traceback" not in done.stderr


def test_a_client_refuses_with_its_first_call(redis, raised, redis_url):
    desk = Desk.connect(redis_url)

    with pytest.raises(SettingsError, match=SENTENCE):
        desk.submit("simple_task")
