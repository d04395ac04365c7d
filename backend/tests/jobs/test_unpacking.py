"""Compressed data of RQ is unpacked within a limit, in every program."""

from __future__ import annotations

import base64
import json
import tracemalloc
import zlib

import pytest
import rq.job
import rq.results
from rq.exceptions import DeserializationError
from rq.job import Job
from rq.serializers import JSONSerializer

from taskdesk.jobs.keys import job_key, results_key
from taskdesk.jobs.unpacking import MAX_UNPACKED_BYTES, TooLarge, bound_rq, unpack
from taskdesk.worker.job_data import ForeignJob, TaskRefused, read_job_data

BOMB = zlib.compress(b"[" + b" " * 8 * MAX_UNPACKED_BYTES, 1)
CALL = json.dumps(["tests.sample_tasks.echo", None, [], {"text": "a"}]).encode()


def peak_of(call) -> int:
    tracemalloc.start()
    try:
        call()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("size", [0, 1, MAX_UNPACKED_BYTES])
def test_data_up_to_the_limit_is_unpacked(size):
    assert unpack(zlib.compress(b"a" * size, 1)) == b"a" * size


def test_data_beyond_the_limit_takes_no_more_memory_than_the_limit():
    def refused() -> None:
        with pytest.raises(TooLarge):
            unpack(BOMB)

    assert peak_of(refused) < 3 * MAX_UNPACKED_BYTES
    with pytest.raises(TooLarge):
        unpack(zlib.compress(b"a" * (MAX_UNPACKED_BYTES + 1), 1))


@pytest.mark.parametrize("data", [b"", b"x", b"xyz", zlib.compress(CALL)[:-3], b"x" + zlib.compress(CALL)])
def test_damaged_data_is_an_error_and_no_bomb(data):
    with pytest.raises(zlib.error) as raised:
        unpack(data)

    assert not isinstance(raised.value, TooLarge)


def test_the_worker_fails_a_bomb_with_a_sentence_and_hands_back_what_is_no_json():
    with pytest.raises(TaskRefused, match=r"data can't be unpacked: it has more than 32,000,000 bytes\.$"):
        read_job_data(BOMB)
    with pytest.raises(ForeignJob):
        read_job_data(b"xyz")
    assert read_job_data(zlib.compress(CALL)).reference == "tests.sample_tasks.echo"


@pytest.fixture
def bounded_rq(monkeypatch):
    for module in (rq.job, rq.results):
        monkeypatch.setattr(module, "zlib", zlib)  # put back at the end
    bound_rq()


def test_rqs_own_classes_unpack_within_the_limit(redis, bounded_rq):
    packed = {
        name: Job.create("a.b", id=name, connection=redis, serializer=JSONSerializer) for name in ("good", "bomb")
    }
    for job in packed.values():
        job.save()
    redis.hset(job_key("bomb"), mapping={"data": BOMB, "exc_info": BOMB})

    def read() -> None:
        job = Job.fetch("bomb", redis, JSONSerializer)
        assert job.data == b"[" + b" " * 99_999
        with pytest.raises(DeserializationError):
            job.func_name  # noqa: B018

    assert peak_of(read) < 3 * MAX_UNPACKED_BYTES
    assert Job.fetch("good", redis, JSONSerializer).func_name == "a.b"


def test_the_desk_shows_a_bomb_as_unreadable(client, redis):
    fields = {"data": BOMB, "status": "failed", "origin": "default", "created_at": "2026-01-01T00:00:00.000000Z"}
    redis.hset(job_key("bomb"), mapping=fields)
    trace = base64.b64encode(BOMB)
    redis.xadd(results_key("bomb"), {"type": 2, "created_at": 1, "exc_string": trace})

    assert client.get("/api/v1/jobs/bomb").json["task"] == "unreadable"
    assert "The traceback is unreadable in Redis." in client.get("/jobs/bomb").text
