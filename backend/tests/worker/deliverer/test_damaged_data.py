"""Damaged ends of jobs, results and deliveries in Redis hold up nothing."""

from __future__ import annotations

import base64
import zlib

import pytest

from taskdesk.jobs.deliveries import Deliveries, Message, send
from taskdesk.jobs.fields import RESULT_STAMP
from taskdesk.jobs.keys import ENDED, delivery_key, job_key, results_key
from tests.conftest import wait_until
from tests.receivers import answers, delivering
from tests.worker.deliverer.conftest import arrived, settled


def test_a_damaged_end_or_delivery_holds_up_nothing(submit, run_worker, redis, redis_url, receiver):
    redis.rpush(ENDED, b"\xff", "x", "finished - ftp://x y")
    send(redis, Message(receiver.url, b"{}", "damaged", "test", id="damaged"))
    redis.hset(delivery_key("damaged"), "headers", "{")
    job_id = submit("echo", text="a")
    run_worker()
    with delivering(redis_url):
        settled(redis, job_id)

    assert redis.llen(ENDED) == 0


def test_a_damaged_delivery_fails_and_the_next_of_its_order_is_sent(redis, redis_url, receiver):
    for name in ("no headers", "no status", "no hash", "whole"):
        send(redis, Message(receiver.url, name.encode(), "a", "test", id=name))
    redis.hset(delivery_key("no headers"), "headers", "{")
    redis.hset(delivery_key("no status"), "status", "?")
    redis.set(delivery_key("no hash"), "x")
    with delivering(redis_url):
        wait_until(lambda: Deliveries(redis).figures()["delivered"] == 1, what="the whole one is delivered")
        send(redis, Message(receiver.url, b"later", "a", "test", id="later"))
        arrived(receiver, 2)

    assert [request.body for request in receiver.requests] == [b"whole", b"later"]
    [failed] = [one for one in Deliveries(redis).of("a") if one.status == "failed"]
    assert (failed.id, failed.attempts[0].error) == (
        "no headers",
        "The delivery is damaged in Redis, so it was not sent.",
    )


@pytest.mark.parametrize("is_damaged", [True, False])
def test_a_delivery_whose_predecessor_is_gone_is_sent(redis, redis_url, receiver, is_damaged):
    for name in ("gone", "next"):
        send(redis, Message(receiver.url, name.encode(), "a", "test", id=name))
    redis.delete(delivery_key("gone"))
    if is_damaged:
        redis.set(delivery_key("gone"), "x")
    with delivering(redis_url):
        settled(redis, "a")

    assert [request.body for request in receiver.requests] == [b"next"]


def test_a_result_that_is_too_deep_to_read_holds_up_nothing(submit, jobs, run_worker, redis, redis_url, receiver):
    deep, job_id = submit("echo", text="a"), submit("echo", text="b")
    run_worker()
    [(entry, fields)] = redis.xrange(results_key(deep))
    redis.xdel(results_key(deep), entry)
    text = b"[" * 3000 + b"]" * 3000
    redis.xadd(results_key(deep), {**fields, b"return_value": base64.b64encode(text)})
    ended_at = redis.hget(job_key(deep), "ended_at").decode()
    redis.hset(job_key(deep), RESULT_STAMP, f"{len(text)} {zlib.crc32(text)} {ended_at}")
    with delivering(redis_url):
        settled(redis, job_id)

    assert redis.llen(ENDED) == 0


def test_a_delivery_that_is_damaged_while_it_is_sent_holds_up_nothing(redis, redis_url, receiver):
    receiver.treat = lambda stream: (redis.set(delivery_key("a"), "x"), answers(200)(stream))
    send(redis, Message(receiver.url, b"{}", "a", "test", id="a"))
    with delivering(redis_url):
        arrived(receiver, 1)
        receiver.treat = answers(200)
        send(redis, Message(receiver.url, b"{}", "b", "test", id="b"))
        settled(redis, "b")
