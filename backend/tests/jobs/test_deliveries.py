"""The steps of a delivery in Redis."""

from __future__ import annotations

import json
import time

import pytest

from taskdesk.jobs.deliveries import CLAIM, SETTLE_DELIVERY, Deliveries, Message, attempt_json, send
from taskdesk.jobs.errors import DeliveryNotFound, ReceiverOff
from taskdesk.jobs.keys import DELIVERIES, RECEIVERS, delivery_key, lane_key, receiver_key
from taskdesk.service.outbound import receiver_of

SLOW = "https://slow.test/hook"
FAST = "https://fast.test/hook"


def message(url=FAST, order="job", id="", **more):
    given = {"id": id} if id else {}
    return Message(url, b"{}", order, "job.succeeded", **given, **more)


def claim(redis, most=32, lease=30):
    _, *claimed = CLAIM(redis, most, lease)
    return [row[0].decode() for row in claimed]


def settle(redis, id, status, url=FAST, *, delay=0.0, seconds=0.1, failure="", allowed=0, off=""):
    arguments = [id, receiver_of(url), status, attempt_json(failure, 200), delay, seconds, failure, allowed, off]
    return SETTLE_DELIVERY(redis, *arguments, attempt_json("late"))


def make_due(redis, url=FAST):
    """Let the time pass until all deliveries to this URL are due, and its receiver is no longer held."""
    receiver = receiver_of(url)
    for id in redis.zrange(lane_key(receiver), 0, -1):
        redis.zadd(lane_key(receiver), {id: 1})
    redis.hset(receiver_key(receiver), "held_until", 1)
    redis.zadd(RECEIVERS, {receiver: 1})


def test_a_message_is_sent_once(redis):
    assert send(redis, message(id="a"))
    assert not send(redis, message(id="a"))

    assert claim(redis) == ["a"]
    assert claim(redis) == []
    [delivery] = Deliveries(redis).of("job")
    assert (delivery.id, delivery.status, delivery.attempts) == ("a", "waiting", ())


@pytest.mark.parametrize(("url", "body"), [("ftp://x", b""), ("", b""), (FAST, b"x" * 20_001)])
def test_a_message_that_can_not_be_sent_is_refused(redis, url, body):
    with pytest.raises(ValueError, match=r"\."):
        send(redis, Message(url, body, "job", "x"))

    assert list(redis.scan_iter("taskdesk:*")) == []


def test_a_delivery_whose_deliverer_died_is_due_again(redis):
    send(redis, message(id="a"))

    assert claim(redis, lease=0.05) == ["a"]
    time.sleep(0.1)

    assert claim(redis) == ["a"]


def test_messages_of_one_order_arrive_one_after_the_other(redis):
    for id in "abc":
        send(redis, message(id=id))
    send(redis, message(order="other", id="d"))

    assert claim(redis) == ["a", "d"]
    settle(redis, "a", "waiting", delay=100)
    assert claim(redis) == []
    settle(redis, "a", "delivered")
    assert claim(redis) == ["b"]
    settle(redis, "b", "failed")
    assert claim(redis) == ["c"]
    settle(redis, "c", "delivered")

    assert [one.status for one in Deliveries(redis).of("job")] == ["delivered", "failed", "delivered"]
    assert redis.zrange(DELIVERIES, 0, -1) == [b"d"]


def test_a_receiver_has_few_deliveries_at_a_time_and_others_have_theirs(redis):
    for number in range(100):
        send(redis, message(SLOW, order=f"slow {number}"))
    for number in range(3):
        send(redis, message(FAST, order=f"fast {number}", id=f"fast{number}"))

    claimed = claim(redis)

    assert len(claimed) == 8 + 3
    assert {"fast0", "fast1", "fast2"} <= {*claimed}


def test_a_receiver_with_many_deliveries_lets_others_go_first(redis):
    for number in range(100):
        send(redis, message(SLOW, order=f"slow {number}"))
    [first] = claim(redis, 1)
    send(redis, message(FAST, order="fast", id="fast"))
    settle(redis, first, "delivered", SLOW)

    assert "fast" in claim(redis, 1) + claim(redis, 1)


def test_a_slow_receiver_has_two_at_a_time(redis):
    for number in range(10):
        send(redis, message(SLOW, order=f"{number}"))
    for id in claim(redis):
        settle(redis, id, "delivered", SLOW, seconds=3)

    assert len(claim(redis)) == 2


def test_a_receiver_that_does_not_answer_is_held_and_then_tried_by_one(redis):
    for number in range(100):
        send(redis, message(SLOW, order=f"{number}"))
    for id in claim(redis):
        settle(redis, id, "waiting", SLOW, delay=5, failure="No answer.")

    assert claim(redis) == []
    [hold] = {one.hold for number in range(100) for one in Deliveries(redis).of(f"{number}")}
    assert hold == "No answer."
    make_due(redis, SLOW)
    [probe] = claim(redis)
    settle(redis, probe, "delivered", SLOW)
    make_due(redis, SLOW)
    assert len(claim(redis)) == 8


def test_a_hold_gets_longer_up_to_five_minutes(redis):
    send(redis, message(SLOW, id="a"))
    holds = []
    for _ in range(10):
        make_due(redis, SLOW)
        assert claim(redis) == ["a"]
        settle(redis, "a", "waiting", SLOW, failure="No answer.")
        holds.append(round(float(redis.hget(receiver_key(receiver_of(SLOW)), "held_until")) - time.time()))

    assert holds == [5, 10, 20, 40, 80, 160, 300, 300, 300, 300]


def test_answers_with_an_error_hold_a_receiver_only_when_there_are_several_in_a_row(redis):
    for number in range(6):
        send(redis, message(order=f"{number}", id=f"{number}"))
    claim(redis)
    for number in range(5):
        settle(redis, f"{number}", "waiting", delay=100, failure="500", allowed=5)
    assert redis.hget(receiver_key(receiver_of(FAST)), "held_until") is None
    settle(redis, "5", "waiting", delay=100, failure="500", allowed=5)

    assert redis.hget(receiver_key(receiver_of(FAST)), "held_until")


def test_what_waits_for_a_held_receiver_for_a_day_fails_with_the_reason(redis):
    for number in range(3):
        send(redis, message(order=f"{number}", id=f"{number}"))
    redis.hincrbyfloat(delivery_key("2"), "since", -25 * 3600)
    claim(redis, 1)
    settle(redis, "0", "waiting", delay=5, failure="No answer.")

    [late] = Deliveries(redis).of("2")
    assert (late.status, late.attempts[-1].error) == ("failed", "late")
    assert Deliveries(redis).of("1")[0].status == "waiting"


def test_a_url_that_is_switched_off_gets_nothing_until_it_is_switched_on(redis):
    deliveries = Deliveries(redis)
    send(redis, message(FAST + "?token=1", id="a"))
    claim(redis)
    settle(redis, "a", "failed", off=FAST + "?token=1")
    send(redis, message(FAST + "?token=1", order="later", id="b"))

    assert claim(redis) == []
    [refused] = deliveries.of("later")
    assert (refused.status, refused.is_off) == ("failed", True)
    assert "410" in refused.attempts[0].error
    with pytest.raises(ReceiverOff, match=r"fast\.test"):
        deliveries.redeliver("later", "b")
    assert not deliveries.switch_on("https://other.test/")
    assert deliveries.switch_on(FAST + "?…")
    deliveries.redeliver("later", "b")
    assert claim(redis) == ["b"]


def test_a_delivery_is_sent_again_with_all_its_attempts(redis):
    deliveries = Deliveries(redis)
    send(redis, message(id="a"))
    claim(redis)
    settle(redis, "a", "failed", failure="No.")

    assert deliveries.redeliver("job", "a").status == "waiting"
    assert claim(redis) == ["a"]
    assert redis.hget(delivery_key("a"), "tries") == b"0"
    with pytest.raises(DeliveryNotFound):
        deliveries.redeliver("job", "b")
    with pytest.raises(DeliveryNotFound):
        deliveries.redeliver("other", "a")


def test_the_end_of_a_delivery_that_was_taken_over_counts_once(redis):
    send(redis, message(id="a"))
    claim(redis)

    assert settle(redis, "a", "delivered") == 1
    assert settle(redis, "a", "failed") == 0
    assert Deliveries(redis).figures()["delivered"] == 1


def test_the_log_keeps_the_last_attempts(redis):
    send(redis, message(id="a"))
    for number in range(25):
        settle(redis, "a", "waiting", failure=f"{number}", allowed=1000)

    [delivery] = Deliveries(redis).of("job")
    assert [attempt.error for attempt in delivery.attempts] == [f"{number}" for number in range(5, 25)]


def test_figures_count_what_waits_and_how_long(redis):
    send(redis, message(id="a"))
    redis.zincrby(DELIVERIES, -100, "a")
    redis.rpush("taskdesk:webhooks:ended", "x")

    figures = Deliveries(redis).figures()

    assert (figures["waiting"], figures["delivered"], figures["failed"]) == (2, 0, 0)
    assert 99 < figures["oldest_seconds"] < 110


def test_damaged_deliveries_are_left_out(redis):
    send(redis, message(id="a"))
    for field, value in (("made", "x"), ("attempts", "{"), ("attempts", json.dumps([1])), ("status", "?")):
        before = redis.hget(delivery_key("a"), field)
        redis.hset(delivery_key("a"), field, value)
        assert Deliveries(redis).of("job") == []
        redis.hset(delivery_key("a"), field, before) if before else redis.hdel(delivery_key("a"), field)

    assert len(Deliveries(redis).of("job")) == 1


def test_a_damaged_delivery_holds_up_no_other(redis):
    for id in "abc":
        send(redis, message(id=id, order=id))
    redis.delete(delivery_key("a"))
    redis.set(delivery_key("a"), "not a hash")
    redis.hset(delivery_key("b"), mapping={"attempts": "{", "since": "x"})

    assert claim(redis) == ["b", "c"]
    assert settle(redis, "b", "waiting", delay=100, failure="No answer.")
    assert settle(redis, "c", "delivered")
    assert [one.error for one in Deliveries(redis).of("c")[0].attempts] == [""]


def test_what_nobody_has_sent_for_a_week_no_longer_counts_as_waiting(redis):
    send(redis, message(id="a"))
    send(redis, message(id="b"))  # it waits for the first
    redis.delete(delivery_key("a"), delivery_key("b"))  # as they expire
    for id in "ab":
        redis.zadd(DELIVERIES, {id: time.time() - 8 * 24 * 3600})
    claim(redis)

    assert Deliveries(redis).figures()["waiting"] == 0


def test_a_delivery_leaves_nothing_behind_but_its_log(redis):
    send(redis, message(id="a"))
    claim(redis)
    settle(redis, "a", "delivered")

    keys = {key.decode() for key in redis.scan_iter("taskdesk:*")}
    assert keys == {
        "taskdesk:delivery:a",
        "taskdesk:deliveries:of:job",
        "taskdesk:deliveries:counts",
        "taskdesk:receiver:https://fast.test:443",
    }
    assert all(redis.ttl(key) > 0 for key in keys - {"taskdesk:deliveries:counts"})
