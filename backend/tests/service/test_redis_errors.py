"""The meaning of Redis's errors, on every connection and for every kind of command."""

from __future__ import annotations

import pytest
from redis import Redis
from redis.connection import DefaultParser
from redis.exceptions import ConnectionError, DataError, RedisError, TimeoutError

from taskdesk.jobs.scripts import Script
from taskdesk.service.errors import RedisAway, RedisFull
from taskdesk.service.redis import connect_with_timeout
from taskdesk.service.redis_errors import PASSING, as_app_error, code_of, is_out_of_memory, is_passing
from taskdesk.worker.child.script_connection import ScriptConnection
from taskdesk.worker.redis_retry import Interrupted
from tests.refusals import STATES, refusing

WRITE = "return redis.call('SET', 'key', ARGV[1])"


@pytest.fixture
def write(tmp_path):
    (tmp_path / "write.lua").write_text(WRITE)
    return Script(tmp_path / "write.lua")


@pytest.fixture
def operator(redis_url):
    """A connection that stays logged in."""
    with Redis.from_url(redis_url, single_connection_client=True) as operator:
        yield operator


def _in_transaction(redis):
    with redis.pipeline() as pipeline:
        pipeline.set("key", "a")
        pipeline.get("key")
        pipeline.execute()


def _in_pipeline(redis):
    with redis.pipeline(transaction=False) as pipeline:
        pipeline.get("key")
        pipeline.set("key", "a")
        pipeline.execute()


ASKED = {
    "by a command": lambda redis: redis.set("key", "a"),
    "by a script": lambda redis: redis.eval(WRITE, 0, "a"),
    "in a transaction": _in_transaction,
    "in a pipeline": _in_pipeline,
}


@pytest.mark.parametrize("how", ASKED)
@pytest.mark.parametrize("code", STATES)
def test_a_passing_error_is_recognized_by_its_code(operator, redis_url, code, how):
    with connect_with_timeout(redis_url, timeout=5) as redis:
        redis.ping()
        with refusing(operator, code), pytest.raises((RedisError, OSError)) as refused:
            ASKED[how](redis)

        assert (code_of(refused.value), is_passing(refused.value)) == (code, True), repr(refused.value.args)
        ASKED[how](redis)


@pytest.mark.parametrize("code", STATES)
def test_the_workers_own_connection_retries_until_the_error_has_passed(operator, redis_url, write, code, caplog):
    refusals = iter([True])
    with connect_with_timeout(redis_url, timeout=5) as redis:
        connection = ScriptConnection(
            redis, timeout=5, give_up=lambda: not next(refusals, False), show_life=lambda patience=0: None
        )
        with refusing(operator, code), pytest.raises(Interrupted):
            connection.call(write, (), ("a",))

        assert connection.call(write, (), ("b",)) == b"OK"
        connection.close()
    assert operator.get("key") == b"b"


def test_the_workers_own_connection_raises_a_lasting_error(redis_url, tmp_path):
    (tmp_path / "wrong.lua").write_text("return redis.call('LPUSH', KEYS[1])")
    with connect_with_timeout(redis_url, timeout=5) as redis:
        connection = ScriptConnection(redis, timeout=5, give_up=lambda: False, show_life=lambda patience=0: None)
        with pytest.raises(RedisError, match=r"[Ww]rong number of args"):
            connection.call(Script(tmp_path / "wrong.lua"), ("key",), ())
        connection.close()


SENTENCES = {
    "OOM": "command not allowed when used memory > 'maxmemory'.",
    "LOADING": "Redis is loading the dataset in memory",
    "READONLY": "You can't write against a read only replica.",
    "BUSY": "Redis is busy running a script. You can only call SCRIPT KILL or SHUTDOWN NOSAVE.",
    "MISCONF": "Redis is configured to save RDB snapshots, but it is currently not able to persist on disk.",
    "NOREPLICAS": "Not enough good replicas to write.",
    "MASTERDOWN": "Link with MASTER is down and replica-serve-stale-data is set to 'no'.",
    "CLUSTERDOWN": "The cluster is down",
    "TRYAGAIN": "Multiple keys request during rehashing of slot",
    "NOAUTH": "Authentication required.",
    "WRONGPASS": "invalid username-password pair or user is disabled.",
}
FORMS = {
    "plain": "{code} {sentence}",
    "of a script, Redis 7": "{code} {sentence} script: f00, on @user_script:1.",
    "of a script, Redis 6": "ERR Error running script (call to f_f00): @user_script:1: -{code} {sentence} ",
    "of a transaction": "EXECABORT Transaction discarded because of: {code} {sentence}",
}


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("code", PASSING)
def test_each_version_of_redis_is_understood(code, form):
    error = DefaultParser.parse_error(FORMS[form].format(code=code, sentence=SENTENCES[code]))

    assert (code_of(error), is_passing(error), is_out_of_memory(error)) == (code, True, code == "OOM")
    assert isinstance(as_app_error(error), RedisFull if code == "OOM" else RedisAway)


@pytest.mark.parametrize(
    "answer",
    [
        "NOSCRIPT No matching script. Please use EVAL.",
        "NOPERM this user has no permissions to run the 'lpush' command",
        "WRONGTYPE Operation against a key holding the wrong kind of value",
        "BUSYGROUP Consumer Group name already exists",
        "BUSYKEY Target key name already exists.",
        "ERR unknown command 'OOM'",
        "ERR Error running script (call to f_f00): @user_script:1: -WRONGTYPE Operation against a key ",
        "EXECABORT Transaction discarded because of previous errors.",
    ],
)
def test_a_lasting_error_is_not_passing(answer):
    error = DefaultParser.parse_error(answer)

    assert (code_of(error), is_passing(error), as_app_error(error)) == ("", False, None)


def test_no_answer_is_a_passing_error():
    assert all(map(is_passing, (ConnectionError("closed"), TimeoutError("late"), ConnectionResetError("reset"))))
    assert not is_passing(DataError("no such type"))


def test_a_code_within_a_command_does_not_count(redis):
    redis.set("text", "a")
    with redis.pipeline(transaction=False) as pipeline:
        pipeline.lpush("text", "x: OOM -BUSY y")
        with pytest.raises(RedisError, match="of pipeline caused") as refused:
            pipeline.execute()

    assert not is_passing(refused.value)
