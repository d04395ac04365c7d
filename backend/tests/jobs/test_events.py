"""The events of a job that somebody watches."""

from __future__ import annotations

import pytest

from taskdesk.jobs.events import append_log, news_of
from taskdesk.jobs.joblog import HEAD_BYTES, MAX_LOG_BYTES, TAIL_BYTES, log_size, read_log
from taskdesk.jobs.keys import events_key

LEFT_OUT = 50_000
LINE = f"\n… {LEFT_OUT:,} bytes left out …\n"
WHOLE = b"".join(b"%09d\n" % n for n in range((MAX_LOG_BYTES + LEFT_OUT) // 10 + 1))[: MAX_LOG_BYTES + LEFT_OUT]
KEPT = WHOLE[:HEAD_BYTES].decode() + LINE + WHOLE[-TAIL_BYTES:].decode()


@pytest.fixture(params=[999, 30_000, TAIL_BYTES + 5, len(WHOLE)])
def printed(request, redis):
    """A log that is too long, printed in pieces of so many bytes."""
    offset = 0
    while offset < len(WHOLE):
        offset = append_log(redis, "job", WHOLE[offset : offset + request.param], offset=offset, ttl=60)
    return redis


def test_a_piece_of_the_log_that_is_sent_again_is_there_once(redis):
    """Its answer was lost, and there is more by now."""
    append_log(redis, "job", b"one\n", offset=0, ttl=60)

    size = append_log(redis, "job", b"one\ntwo\n", offset=0, ttl=60)

    assert (size, read_log(redis, "job")) == (8, ("one\ntwo\n", 8))
    assert [event.data["text"] for event in news_of(redis, "job", "0-0")[1]] == ["one\n", "one\ntwo\n"]


def test_of_a_long_log_the_beginning_and_the_end_are_kept(printed):
    assert read_log(printed, "job") == (KEPT, len(WHOLE))
    assert log_size(printed, "job") == len(WHOLE)
    assert printed.strlen("taskdesk:log:job") == MAX_LOG_BYTES + 20


@pytest.mark.parametrize(
    ("offset", "text"),
    [
        (HEAD_BYTES - 10, WHOLE[HEAD_BYTES - 10 : HEAD_BYTES].decode() + LINE + WHOLE[-TAIL_BYTES:].decode()),
        (HEAD_BYTES + 1000, f"\n… {LEFT_OUT - 1000:,} bytes left out …\n" + WHOLE[-TAIL_BYTES:].decode()),
        (len(WHOLE) - TAIL_BYTES, WHOLE[-TAIL_BYTES:].decode()),
        (len(WHOLE) - 7, WHOLE[-7:].decode()),
        (len(WHOLE), ""),
        (len(WHOLE) + 9, ""),
    ],
)
def test_an_offset_counts_what_is_left_out(printed, offset, text):
    assert read_log(printed, "job", offset) == (text, len(WHOLE))


def test_who_watches_a_long_log_reads_the_same(printed):
    events = news_of(printed, "job", "0-0")[1]

    assert "".join(event.data["text"] for event in events) == KEPT
    assert events[-1].data["offset"] + events[-1].data["size"] == len(WHOLE)


DAMAGED = {
    "no type": {"data": "{}"},
    "no data": {"type": "progress"},
    "other fields": {"a": "b"},
    "no JSON": {"type": "progress", "data": "{"},
    "no object": {"type": "progress", "data": "[1]"},
    "deep JSON": {"type": "progress", "data": "[" * 100_000},
    "no UTF-8": {"type": b"\xff", "data": b"\xff"},
    "another type": {"type": "end", "data": '{"status": "succeeded"}'},
    "a type that forges a message": {"type": "progress\ndata: 1\n\nevent: end", "data": "{}"},
    "a piece without a place": {"type": "log", "data": "{}"},
    "a piece at a text": {"type": "log", "data": '{"offset": "a", "size": 1}'},
    "a piece before the log": {"type": "log", "data": '{"offset": -5, "size": 1}'},
    "a piece beyond all": {"type": "log", "data": '{"offset": 1, "size": 1e999}'},
    "a piece of a true size": {"type": "log", "data": '{"offset": 0, "size": true}'},
    "a huge piece": {"type": "log", "data": '{"offset": 0, "size": 99999999999999999999}'},
}


@pytest.mark.parametrize("kind", DAMAGED)
def test_a_damaged_event_is_left_out_and_the_others_are_there(redis, kind):
    redis.hset("rq:job:job", "status", "started")
    append_log(redis, "job", b"one\n", offset=0, ttl=60)
    redis.xadd(events_key("job"), DAMAGED[kind])
    append_log(redis, "job", b"two\n", offset=4, ttl=60)

    state, events = news_of(redis, "job", "0-0")

    assert state == (b"started", None)
    assert [event.data["text"] for event in events] == ["one\n", "two\n"]


@pytest.mark.parametrize("key", ["taskdesk:events:job", "taskdesk:log:job", "rq:job:job"])
def test_a_key_of_another_type_costs_only_what_it_should_have_held(redis, key):
    redis.hset("rq:job:job", "status", "started")
    append_log(redis, "job", b"one\n", offset=0, ttl=60)
    redis.xadd(events_key("job"), {"type": "progress", "data": "{}"})
    redis.delete(key)
    redis.sadd(key, "a")

    state, events = news_of(redis, "job", "0-0")

    assert (state is None) == (key == "rq:job:job")
    assert [event.type for event in events] == {
        "taskdesk:events:job": [], "taskdesk:log:job": ["progress"], "rq:job:job": ["log", "progress"],
    }[key]  # fmt: skip
