"""Event streams: the past, then the news, each once; and what they cost."""

from __future__ import annotations

import re
import threading

import pytest
from redis import Redis

from taskdesk.jobs.errors import JobNotFound, TooManyStreams
from taskdesk.jobs.events import append_log
from taskdesk.jobs.jobs import Jobs
from taskdesk.jobs.keys import JOBS, WAKE, events_key, job_key
from taskdesk.web.application import create_app
from taskdesk.web.streams import job_notifier
from taskdesk.web.streams.event_feed import KEPT_MESSAGES
from taskdesk.web.streams.event_streams import EventStreams
from taskdesk.web.streams.job_notifier import JobNotifier
from tests.conftest import RedisServer, wait_until
from tests.web.streams.one_job import HEARTBEAT, JOB, begin, end, numbers, read_until, report, types


def test_a_watcher_gets_the_past_then_the_news_then_the_end(running, streams):
    report(running, 1, 2)
    watcher = streams().open(JOB, "0-0", "me")
    past = read_until(watcher, b'"current": 2')

    report(running, 3)
    end(running)
    rest = b"".join(watcher)

    assert types(past) == ["state", "progress", "progress"]
    assert types(rest) == ["progress", "state", "end"]
    assert numbers(past + rest) == [1, 2, 3]
    assert (past + rest).count(b"id: ") == len(types(past + rest))


def test_a_watcher_that_reconnects_gets_the_events_after_the_last_that_it_saw(running, streams):
    report(running, 1, 2, 3)
    [first, *_] = running.xrange(events_key(JOB))
    end(running)

    text = b"".join(streams().open(JOB, first[0].decode(), "me"))

    assert numbers(text) == [2, 3]
    assert types(text)[-1] == "end"


def test_a_watcher_that_only_missed_the_end_gets_it(running, streams):
    report(running, 1)
    [last] = running.xrange(events_key(JOB))
    end(running)

    text = b"".join(streams().open(JOB, last[0].decode(), "me"))

    assert types(text) == ["state", "end"]


def test_a_later_watcher_gets_the_current_state_and_no_earlier_one(running, streams):
    report(running, 1)
    opened = streams()
    witness = opened.open(JOB, "0-0", "me")
    read_until(witness, b'"current": 1')
    for status in ("scheduled", "queued", "started"):
        running.hset(job_key(JOB), "status", status)
        running.publish(WAKE, JOB)
        next(witness)

    late = opened.open(JOB, "0-0", "me")
    end(running)

    assert re.findall(rb'"status": "(\w+)"', b"".join(late)) == [b"running", b"succeeded", b"succeeded"]


def test_between_the_past_and_the_news_nothing_is_missing_or_sent_twice(running, streams):
    opened = streams()
    heard: dict[int, bytes] = {}

    def watch(number: int) -> None:
        heard[number] = b"".join(opened.open(JOB, "0-0", "me"))

    watching = [threading.Thread(target=watch, args=(number,)) for number in range(20)]
    size = 0
    for number, thread in enumerate(watching):
        for step in range(10):
            size = append_log(running, JOB, b"line %d\n" % (number * 10 + step), offset=size, ttl=60)
        thread.start()
    end(running)
    for thread in watching:
        thread.join(20)

    expected = [f"line {number}\\n" for number in range(200)]
    for text in heard.values():
        assert re.findall(r'"text": "(.*?)"', text.decode()) == expected
    assert len(heard) == 20


@pytest.fixture
def alone(tmp_path):
    """A Redis of its own, in which JOB is running: the subscribers of other tests come and go when they like."""
    server = RedisServer(tmp_path)
    server.start()
    with Redis.from_url(server.url) as redis:
        begin(redis)
        yield redis, EventStreams(redis, Jobs(redis, ("default",)), JobNotifier(server.url), 50, 50)
    server.stop()


def test_all_watchers_of_a_job_share_one_reader_and_one_subscriber(alone):
    redis, opened = alone
    watchers = [opened.open(JOB, "0-0", "me") for _ in range(50)]
    wait_until(lambda: redis.pubsub_numsub(WAKE)[0][1])
    for watcher in watchers:
        next(watcher)
    wait_until(lambda: len(opened._feeds) == 1)
    before = redis.info("commandstats")["cmdstat_xrange"]["calls"]

    report(redis, 1)

    assert [numbers(next(watcher)) for watcher in watchers] == [[1]] * 50
    assert redis.info("commandstats")["cmdstat_xrange"]["calls"] <= before + 2
    assert redis.pubsub_numsub(WAKE)[0][1] == 1
    for watcher in watchers:
        watcher.close()


def test_a_watcher_that_falls_too_far_behind_is_closed(running, streams):
    opened = streams()
    slow, witness = opened.open(JOB, "0-0", "slow"), opened.open(JOB, "0-0", "quick")
    next(slow)
    next(witness)

    step = 300
    for start in range(1, 4 * KEPT_MESSAGES, step):
        report(running, *range(start, start + step))
        seen = 0
        while seen != start + step - 1:
            seen = numbers(next(witness))[-1]

    assert list(slow) == []
    assert len(opened) == 1


def test_there_are_no_more_streams_than_the_limits_allow(running, streams):
    opened = streams(most=3, most_per_client=2)
    mine = [opened.open(JOB, "0-0", "me") for _ in range(2)]

    with pytest.raises(TooManyStreams, match="You have 2 event streams"):
        opened.open(JOB, "0-0", "me")
    opened.open(JOB, "0-0", "you")
    with pytest.raises(TooManyStreams, match="limit of 3 event streams"):
        opened.open(JOB, "0-0", "they")
    mine[0].close()
    opened.open(JOB, "0-0", "me")

    assert len(opened) == 3


def test_a_stream_of_an_unknown_job_does_not_count(streams):
    opened = streams()

    with pytest.raises(JobNotFound):
        opened.open("another", "0-0", "me")

    assert len(opened) == 0


def test_over_the_limit_a_client_is_asked_to_come_again_later(running, web_settings):
    client = create_app(web_settings.model_copy(update={"max_event_streams": 1})).test_client()
    url = f"/api/v1/jobs/{JOB}/events"

    first = client.get(url)
    refused = client.get(url)
    first.close()
    head = client.head(url, buffered=True)
    again = client.get(url)
    again.close()

    assert (first.status_code, head.status_code, again.status_code) == (200, 200, 200)
    assert (refused.status_code, refused.content_type) == (503, "application/problem+json")
    assert refused.headers["Retry-After"]
    assert refused.json["detail"] == "This process has reached its limit of 1 event streams."


def test_when_the_last_watcher_has_gone_nothing_is_read_anymore(running, streams):
    opened = streams()
    opened.open(JOB, "0-0", "me").close()

    wait_until(lambda: not opened._notifier._waiting)

    assert opened._feeds == {}


def test_a_stream_ends_when_its_job_is_deleted(running, streams):
    watcher = streams().open(JOB, "0-0", "me")
    next(watcher)

    running.zadd(JOBS, {JOB: 1})
    running.delete(job_key(JOB))
    running.publish(WAKE, JOB)

    text = b"".join(watcher)
    assert types(text) == ["end"]
    assert b'"gone"' in text
    assert b"has expired" in text


def test_a_stream_goes_on_when_redis_was_away(tmp_path, monkeypatch):
    monkeypatch.setattr(job_notifier, "RECONNECT_SECONDS", 0.05)
    server = RedisServer(tmp_path)
    server.start()
    with Redis.from_url(server.url) as redis:
        begin(redis)
        jobs = Jobs(redis, ("default",))
        watcher = EventStreams(redis, jobs, JobNotifier(server.url), 9, 9, heartbeat=0.2).open(JOB, "0-0", "me")
        report(redis, 1)
        heard = read_until(watcher, b'"current": 1')

        server.stop()
        heard += read_until(watcher, HEARTBEAT.replace(b"true", b"false"))
        server.start()
        report(redis, 2)
        heard += read_until(watcher, HEARTBEAT)
        end(redis)
        heard += b"".join(watcher)
    server.stop()

    assert numbers(heard) == [1, 2]
    assert types(heard)[-1] == "end"
