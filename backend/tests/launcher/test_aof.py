"""The repair of Redis's append-only file after a crash, with a real Redis."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from redis import Redis

from taskdesk.launcher.aof import mend_aof
from taskdesk.launcher.redis_server import find_redis
from tests.conftest import RedisServer

LONG = "x" * 50


def redis_with_transactions(folder: Path) -> RedisServer:
    """Check that Redis has both keys of each transaction, or neither."""
    server = RedisServer(folder)
    server.start()
    with Redis.from_url(server.url) as redis:
        for number in range(3):
            with redis.pipeline() as transaction:
                transaction.set(f"first {number}", LONG)
                transaction.set(f"second {number}", LONG)
                transaction.execute()
    server.stop()
    return server


def test_a_transaction_that_a_crash_cut_short_never_comes_back_in_part(tmp_path):
    server = redis_with_transactions(tmp_path)
    [file] = [*tmp_path.glob("appendonly.aof"), *tmp_path.glob("appendonlydir/*.incr.aof")]
    with file.open("r+b") as aof:
        aof.truncate(file.stat().st_size - 60)  # the last "second" is gone, the last "first" is there

    for value in ("one", "two"):  # with Redis 6 the half would come back at the second start
        server.start()
        with Redis.from_url(server.url, decode_responses=True) as redis:
            assert sorted(redis.keys("* ?")) == ["first 0", "first 1", "second 0", "second 1"]
            with redis.pipeline() as transaction:
                transaction.set("after", value)
                transaction.execute()
        server.stop()


@pytest.fixture(scope="module")
def whole(tmp_path_factory) -> bytes:
    folder = tmp_path_factory.mktemp("whole")
    server = redis_with_transactions(folder)
    [file] = [*folder.glob("appendonly.aof"), *folder.glob("appendonlydir/*.incr.aof")]
    assert server
    return file.read_bytes()


def one_file(folder: Path, content: bytes) -> Path:
    file = folder / "appendonly.aof"
    file.write_bytes(content)
    return file


def test_only_a_last_transaction_without_an_end_is_dropped(tmp_path, whole):
    begin = whole.rindex(b"*1\r\n$5\r\nMULTI")
    for length in range(begin + 1, len(whole), 8):
        file = one_file(tmp_path, whole[:length])

        dropped = mend_aof(find_redis(tmp_path), tmp_path)

        assert (file.stat().st_size, dropped) == (begin, length - begin)


def test_a_file_with_other_damage_is_not_changed_so_redis_refuses_it(tmp_path, whole):
    middle = whole.index(b"*1\r\n$5\r\nMULTI", 200)
    content = whole[:middle] + b"?" + whole[middle + 1 :]
    file = one_file(tmp_path, content)

    assert mend_aof(find_redis(tmp_path), tmp_path) == 0
    assert file.read_bytes() == content


def test_an_undamaged_or_missing_file_is_not_changed(tmp_path, whole):
    assert mend_aof(find_redis(tmp_path), tmp_path) == 0
    file = one_file(tmp_path, whole)
    assert mend_aof(find_redis(tmp_path), tmp_path) == 0
    assert file.read_bytes() == whole
    shutil.rmtree(tmp_path)
    assert mend_aof("redis-server", tmp_path) == 0
