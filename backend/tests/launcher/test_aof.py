"""The repair of the append-only file of Redis 6 after a crash, by each server that is installed here."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest
from redis import Redis

from taskdesk.launcher.aof import mend_aof
from tests.conftest import RedisServer
from tests.servers import SERVERS, redis_6, version_of

LONG = "x" * 50
MULTI = b"*1\r\n$5\r\nMULTI\r\n"


@pytest.fixture(params=SERVERS, ids=version_of)
def server(request) -> str:
    return request.param


def redis_with_transactions(folder: Path, program: str) -> RedisServer:
    """A stopped server, in whose file are three transactions of two keys each."""
    server = RedisServer(folder, program)
    server.start()
    with Redis.from_url(server.url) as redis:
        for number in range(3):
            with redis.pipeline() as transaction:
                transaction.set(f"first {number}", LONG)
                transaction.set(f"second {number}", LONG)
                transaction.execute()
    server.stop()
    return server


def test_a_transaction_that_a_crash_cut_short_never_comes_back_in_part(tmp_path, server):
    running = redis_with_transactions(tmp_path, server)
    [file] = [*tmp_path.glob("appendonly.aof"), *tmp_path.glob("appendonlydir/*.incr.aof")]
    with file.open("r+b") as aof:
        aof.truncate(file.stat().st_size - 60)  # the last "second" is gone, the last "first" is there

    for value in ("one", "two"):  # with Redis 6 the half would come back at the second start
        running.start()
        with Redis.from_url(running.url, decode_responses=True) as redis:
            assert sorted(redis.keys("* ?")) == ["first 0", "first 1", "second 0", "second 1"]
            with redis.pipeline() as transaction:
                transaction.set("after", value)
                transaction.execute()
        running.stop()


@pytest.fixture(scope="module")
def whole(tmp_path_factory) -> bytes:
    folder = tmp_path_factory.mktemp("whole")
    redis_with_transactions(folder, SERVERS[-1])
    [file] = [*folder.glob("appendonly.aof"), *folder.glob("appendonlydir/*.incr.aof")]
    return file.read_bytes()


def one_file(folder: Path, content: bytes) -> Path:
    file = folder / "appendonly.aof"
    file.write_bytes(content)
    return file


@pytest.mark.parametrize("after", [b"", b"\0" * 100])  # a file system may have made the file longer than its data
def test_only_a_last_transaction_without_an_end_is_dropped(tmp_path, whole, server, after):
    begin = whole.rindex(MULTI)
    for length in range(begin + 1, len(whole), 16):
        file = one_file(tmp_path, whole[:length] + after)

        dropped = mend_aof(server, tmp_path)

        assert (file.stat().st_size, dropped) == (begin, length + len(after) - begin)


DAMAGE = {
    "a wrong byte before a transaction": lambda whole, middle: whole[:middle] + b"?" + whole[middle + 1 :],
    "a wrong length in it": lambda whole, middle: whole[:middle] + whole[middle:].replace(b"$50", b"$51", 1),
    "a piece that is missing": lambda whole, middle: whole[: middle + 40] + whole[middle + 60 :],
    "a block of zeros": lambda whole, middle: whole[:middle] + bytes(64) + whole[middle + 64 :],
    "a transaction in a transaction": lambda whole, middle: whole[:middle] + MULTI + whole[middle:],
    "an end without a beginning": lambda whole, middle: whole[:middle] + whole[middle + len(MULTI) :],
    "other bytes after the end": lambda whole, middle: whole + b"\x1f\x8b trash",
}


@pytest.mark.parametrize("damage", DAMAGE)
def test_a_file_with_other_damage_is_not_changed_so_redis_refuses_it(tmp_path, whole, server, damage):
    content = DAMAGE[damage](whole, whole.index(MULTI, 200))
    file = one_file(tmp_path, content)

    assert mend_aof(server, tmp_path) == 0
    assert file.read_bytes() == content


def test_an_undamaged_or_missing_file_is_not_changed(tmp_path, whole, server):
    assert mend_aof(server, tmp_path) == 0
    for content in (whole, b""):
        file = one_file(tmp_path, content)
        assert mend_aof(server, tmp_path) == 0
        assert file.read_bytes() == content
    shutil.rmtree(tmp_path)
    assert mend_aof(server, tmp_path) == 0


@pytest.mark.skipif(not redis_6, reason="Redis 6.2 is not installed")
@pytest.mark.parametrize("rewrites", [False, True], ids=["commands only", "with an RDB preamble"])
@pytest.mark.parametrize("newer", SERVERS[:-1], ids=version_of)
def test_newer_servers_read_what_redis_6_has_written_and_keep_writing(tmp_path, newer, rewrites):
    old = redis_with_transactions(tmp_path, redis_6)
    if rewrites:
        old.start()
        with Redis.from_url(old.url) as redis:
            redis.bgrewriteaof()
            while (
                redis.info("persistence")["aof_rewrite_in_progress"]
                or redis.info("persistence")["aof_rewrite_scheduled"]
            ):
                pass
            redis.set("after", LONG)
        old.stop()
        assert re.match(rb"REDIS\d{4}", (tmp_path / "appendonly.aof").read_bytes())
    server = RedisServer(tmp_path, newer)

    for number in (1, 2):
        server.start()
        with Redis.from_url(server.url, decode_responses=True) as redis:
            assert len(redis.keys("* ?")) == 6
            assert redis.incr("starts") == number
        server.stop()
