"""The shared connection: commands travel together, and each caller gets its own answer or error."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from redis import Redis
from redis.exceptions import RedisError, ResponseError, TimeoutError

from taskdesk.service.connection import open_connection
from taskdesk.service.redis import connect_shared, connect_with_timeout
from taskdesk.service.redis_errors import is_passing
from tests.conftest import wait_until
from tests.refusals import refusing


@pytest.fixture
def shared(redis_url):
    with connect_shared(redis_url) as shared:
        yield shared


@pytest.fixture
def together(shared, redis_url):
    """Call functions while Redis is paused, so that all but the first wait; return their results or errors."""

    def together(*functions):
        with Redis.from_url(redis_url) as other, ThreadPoolExecutor(len(functions)) as threads:
            other.client_pause(300)
            futures = [threads.submit(function) for function in functions]
            return [future.exception() or future.result() for future in futures]

    return together


def test_each_caller_gets_its_own_answer(together, shared):
    answers = together(*[lambda n=n: (shared.set(f"key{n}", n), shared.get(f"key{n}")) for n in range(50)])

    assert answers == [(True, str(n).encode()) for n in range(50)]


def test_many_callers_need_one_connection(together, shared):
    assert len(set(together(*[shared.client_id] * 20))) == 1


def test_an_error_is_raised_for_the_caller_whose_command_failed(together, shared, redis):
    redis.set("text", "a")

    first, wrong, last = together(*[lambda: shared.get("text"), lambda: shared.lpush("text", "b"), shared.ping])

    assert (first, last) == (b"a", True)
    assert isinstance(wrong, ResponseError)


def test_an_error_of_the_first_caller_is_not_raised_for_the_waiting_ones(together, shared, redis):
    redis.set("text", "a")

    wrong, *others = together(lambda: shared.lpush("text", "b"), *[lambda: shared.get("text")] * 5)

    assert isinstance(wrong, ResponseError)
    assert others == [b"a"] * 5


ENDED = """
from gevent import monkey; monkey.patch_all()
import sys, gevent
from redis.exceptions import ConnectionError
from taskdesk.service.redis import connect_shared

shared = connect_shared(sys.argv[1])

def ask():
    try:
        return shared.ping()
    except ConnectionError:
        return "refused"

shared.ping()
first = gevent.spawn(shared.blpop, "nothing", 0.1)
sender = gevent.spawn(shared.blpop, "nothing", 0.6)
sent = gevent.spawn(ask)
first.join()
while shared._waiting:
    gevent.sleep(0.01)
waiting = gevent.spawn(ask)
gevent.sleep(0)
sender.kill()
gevent.joinall([sent, waiting])
print(repr(sender.value), sent.value, waiting.value, shared.ping())
"""


def test_a_killed_greenlet_ends_no_other_that_shares_its_connection(redis_url):
    """Commands that were sent together with its own get an error; later ones are sent again."""
    done = subprocess.run([sys.executable, "-c", ENDED, redis_url], capture_output=True, text=True, timeout=30)

    assert done.stdout == "GreenletExit() refused True True\n", done.stderr


@pytest.mark.slow
def test_while_redis_hangs_no_caller_waits_longer_than_a_second(shared, redis):
    shared.ping()
    redis.client_pause(5_000)

    def seconds(_):
        began = time.monotonic()
        with pytest.raises(RedisError):
            shared.get("key")
        return time.monotonic() - began

    with ThreadPoolExecutor(10) as threads:
        waits = list(threads.map(seconds, range(10)))

    assert max(waits) < 4  # long before Redis is back
    assert wait_until(lambda: _answers(shared))


def test_a_connection_that_redis_closed_is_reopened_unnoticed(shared, redis):
    shared.ping()
    redis.client_kill_filter(_type="normal", skipme=True)

    assert shared.set("key", "a")


@pytest.mark.parametrize(("code", "stays"), [("OOM", True), ("NOREPLICAS", True), ("READONLY", False)])
def test_a_refusal_closes_the_connection_only_if_another_server_may_take_the_call(shared, redis_url, code, stays):
    before = shared.client_id()
    with Redis.from_url(redis_url, single_connection_client=True) as operator, refusing(operator, code):
        with pytest.raises(RedisError):
            shared.set("key", "a")
        after = shared.client_id()

    assert (after == before) == stays


def test_a_late_answer_is_dropped(shared, redis):
    redis.mset({"one": 1, "two": 2})
    shared.ping()
    redis.client_pause(1_500)
    with pytest.raises(TimeoutError):
        shared.get("one")
    wait_until(lambda: _answers(shared))

    assert shared.get("two") == b"2"


def test_an_answer_of_any_size_and_kind_is_read(shared):
    shared.set("key", b"x" * 5_000_000)
    shared.zadd("ranks", {"a": 1, "b": 2})

    assert shared.get("key") == b"x" * 5_000_000
    assert shared.zrange("ranks", 0, -1, withscores=True) == [(b"a", 1.0), (b"b", 2.0)]
    assert shared.restore("copy", 0, shared.dump("ranks"))
    assert shared.config_get("maxmemory") == {"maxmemory": "0"}
    assert shared.hgetall("none") == {}


def test_a_forked_process_has_a_connection_of_its_own(shared):
    shared.ping()
    pid = os.fork()
    if not pid:
        os._exit(0 if all(shared.echo(f"child {n}") == f"child {n}".encode() for n in range(500)) else 1)

    assert all(shared.echo(f"parent {n}") == f"parent {n}".encode() for n in range(500))
    assert os.waitpid(pid, 0)[1] == 0


def _answers(redis: Redis) -> bool:
    try:
        return bool(redis.ping())
    except RedisError:
        return False


def read_on(subscription):
    while True:
        subscription.get_message(timeout=1)


def test_a_subscription_raises_an_error_answer_and_goes_on(redis, redis_url):
    with connect_with_timeout(redis_url, 5) as ours, ours.pubsub(ignore_subscribe_messages=True) as subscription:
        subscription.subscribe("news")
        redis.config_set("requirepass", "another")
        try:
            subscription.connection.send_packed_command([b"RESET\r\nPING\r\nPING\r\n"])
            with pytest.raises(RedisError):
                read_on(subscription)
        finally:
            redis.config_set("requirepass", "")
        subscription.get_message(timeout=1)
        redis.publish("news", "a")

        assert wait_until(lambda: subscription.get_message(timeout=1))["data"] == b"a"


def test_a_process_may_open_any_number_of_connections_outside_the_pool(redis_url):
    """A worker does so when Redis goes away again and again; redis-py's pool would stop at 100."""
    with connect_with_timeout(redis_url, 5) as redis:
        for _ in range(150):
            open_connection(redis).disconnect()

        assert redis.ping()


@pytest.mark.parametrize("connect", [connect_shared, lambda url: connect_with_timeout(url, 2)])
@pytest.mark.parametrize("answer", [b"-LOADING Redis is loading the dataset in memory\r\n", b"-NOAUTH nobody\r\n", b""])
def test_a_redis_that_is_not_ready_is_an_error_at_once(connect, answer):
    """A server that is not ready answers an error, or closes the connection at once, as a proxy does."""
    with socket.create_server(("127.0.0.1", 0)) as server, ThreadPoolExecutor(1) as threads:

        def answer_all():
            while True:
                try:
                    connection, _ = server.accept()
                except OSError:
                    return
                with connection:
                    while answer and connection.recv(4096):
                        connection.sendall(answer)

        threads.submit(answer_all)
        with connect(f"redis://127.0.0.1:{server.getsockname()[1]}/1") as redis:
            began = time.monotonic()
            for ask in (redis.ping, lambda: open_connection(redis), lambda: redis.pubsub().subscribe("news")):
                with pytest.raises(RedisError) as refused:
                    ask()
                assert is_passing(refused.value)
            assert time.monotonic() - began < 10
        server.shutdown(socket.SHUT_RDWR)
