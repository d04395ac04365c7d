"""redis+sentinel://: every kind of connection finds the primary, also another one after a failover."""

from __future__ import annotations

import os
import subprocess
import sys
from contextlib import ExitStack

import pytest
from redis.exceptions import RedisError

from taskdesk.service.checks import exit_if_redis_denies_access, find_problems
from taskdesk.service.connection import open_connection
from taskdesk.service.redis import connect_shared, connect_with_timeout
from taskdesk.service.settings import SharedSettings
from tests.conftest import BACKEND, free_port, wait_until
from tests.redis_hosts import NAME, redis_hosts

PASSWORD = "9f2c4e61b7d8a3055c1e7f90ab34d6288e4b1c7d5f6a0392"


@pytest.fixture(scope="module")
def hosts(tmp_path_factory):
    with redis_hosts(tmp_path_factory.mktemp("hosts"), requirepass=PASSWORD, masterauth=PASSWORD) as hosts:
        yield hosts


def _works(redis) -> bool:
    """Write by each kind of connection that there is."""
    try:
        redis.set("key", "a")
        with redis.pipeline() as pipeline, redis.pubsub(ignore_subscribe_messages=True) as pubsub:
            pipeline.set("key", "b").get("key")
            pubsub.subscribe("news")
            connection = open_connection(redis)
            connection.send_command("SET", "key", "c")
            written = connection.read_response()
            connection.disconnect()
            return bool(pipeline.execute() == [True, b"b"] and written == b"OK")
    except RedisError:
        return False


def test_a_connection_is_closed_after_a_time_out_so_that_no_late_answer_is_read(hosts):
    with hosts.primary().redis as admin, connect_with_timeout(hosts.url, 0.3) as redis:
        connection = open_connection(redis)
        admin.client_pause(600)
        connection.send_command("ECHO", "late")
        with pytest.raises(RedisError):
            connection.read_response()
        admin.client_unpause()
        connection.send_command("ECHO", "next")
        assert connection.read_response() == b"next"
        connection.disconnect()


def test_the_address_starts_every_program(hosts, capsys):
    exit_if_redis_denies_access(hosts.url)

    problems = find_problems(SharedSettings(env="prod", redis_url=hosts.url, _env_file=None))
    assert [problem for problem in problems if "root" not in problem] == []


def test_the_command_shows_the_address_without_the_password(hosts, tmp_path):
    env = {**os.environ, "REDIS_URL": f"{hosts.url}/0?socket_timeout=5", "DATA_DIR": str(tmp_path)}
    command = [sys.executable, "-m", "taskdesk", "doctor"]

    done = subprocess.run(command, cwd=BACKEND, env=env, capture_output=True, text=True, timeout=60)

    assert f"redis+sentinel://{hosts.sentinels}/{NAME}/0" in done.stdout, done.stderr
    assert PASSWORD not in done.stdout + done.stderr


REFUSED = {
    "redis+sentinel://{sentinels}/other": f"No Sentinel in REDIS_URL knows the primary 'other': they know {NAME}.",
    "redis+sentinel://{redis}/desk": "The Sentinels in REDIS_URL want another password: write it as ",
    "redis://{sentinel}": "REDIS_URL names a Sentinel: write it as redis+sentinel://",
    "redis+sentinel://{sentinels}/desk": "Redis wants a password, and REDIS_URL has none",
    "redis+sentinel://:wr0ng@{sentinels}/desk": "Redis refuses the password in REDIS_URL",
}


@pytest.mark.parametrize(("shape", "sentence"), REFUSED.items())
def test_a_wrong_address_is_refused_with_the_remedy(hosts, capsys, shape, sentence):
    host = hosts.hosts[0]
    redis, sentinel = f"127.0.0.1:{host.port}", f"127.0.0.1:{host.sentinel_port}"

    with pytest.raises(SystemExit):
        exit_if_redis_denies_access(shape.format(sentinels=hosts.sentinels, redis=redis, sentinel=sentinel))

    said = capsys.readouterr().err
    assert said.startswith(sentence)
    assert "wr0ng" not in said


def test_a_server_that_is_no_sentinel_is_refused(redis_server, capsys):
    with pytest.raises(SystemExit):
        exit_if_redis_denies_access(f"redis+sentinel://127.0.0.1:{redis_server.port}/{NAME}")

    assert capsys.readouterr().err.startswith("REDIS_URL names a server that is no Sentinel.")


def test_sentinels_that_are_away_are_waited_for():
    exit_if_redis_denies_access(f"redis+sentinel://127.0.0.1:{free_port()}/{NAME}")


CONNECT = {"shared": connect_shared, "with time-out": lambda url: connect_with_timeout(url, 2)}


@pytest.mark.parametrize("kind", CONNECT)
def test_a_connection_to_a_server_that_was_demoted_is_replaced(hosts, kind):
    """The Sentinels close the connections of clients, but not those that come while they are at it."""
    with CONNECT[kind](hosts.url) as redis, hosts.primary().redis as operator:
        assert _works(redis)
        operator.replicaof("127.0.0.1", "1")
        with pytest.raises(RedisError):
            redis.set("key", "a")
        operator.replicaof("NO", "ONE")

        wait_until(lambda: _works(redis), seconds=10, what="every connection works")


@pytest.mark.slow
def test_after_a_failover_every_connection_finds_the_new_primary(hosts):
    hosts.until_whole()
    old = hosts.primary()
    with ExitStack() as stack:
        clients = [stack.enter_context(connect(hosts.url)) for connect in CONNECT.values()]
        assert all(map(_works, clients))
        old.kill()
        hosts.until_promoted(old)

        wait_until(lambda: all(map(_works, clients)), seconds=10, what="every connection works")
        assert [redis.get("key") for redis in clients] == [b"b", b"b"]
