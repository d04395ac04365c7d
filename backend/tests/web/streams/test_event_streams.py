"""Event streams: the past, then what comes, once each; and what they cost."""

from __future__ import annotations

import json
import re
import socket
import threading
from collections.abc import Callable, Iterator

import pytest
from redis import Redis

from taskdesk.jobs.errors import JobNotFound, TooManyStreams
from taskdesk.jobs.events import Progress, append_log, emit
from taskdesk.jobs.jobs import Jobs
from taskdesk.jobs.keys import JOBS, WAKE, events_key, job_key
from taskdesk.web.application import create_app
from taskdesk.web.streams import job_notifier
from taskdesk.web.streams.event_feed import KEPT_MESSAGES
from taskdesk.web.streams.event_streams import EventStreams
from taskdesk.web.streams.job_notifier import JobNotifier
from taskdesk.web.streams.watcher import Watcher
from tests.conftest import RedisServer, wait_until
from tests.faults.proxy import Proxy

JOB = "a-job"
HEARTBEAT = b'event: heartbeat\ndata: {"live": true}\n\n'
NEVER = 600.0  # seconds: so long a heartbeat that nothing in a test is due to it


@pytest.fixture
def running(redis: Redis) -> Redis:
    """A Redis in which JOB runs."""
    begin(redis)
    return redis


def begin(redis: Redis) -> None:
    call = json.dumps(("tests.sample_tasks.echo", None, [], {}))
    redis.hset(job_key(JOB), mapping={"status": "started", "data": call, "origin": "default"})


@pytest.fixture
def streams(running: Redis, redis_url: str) -> Iterator[Callable[..., EventStreams]]:
    made = []

    def streams(most: int = 50, most_per_client: int = 50, heartbeat: float = NEVER) -> EventStreams:
        jobs = Jobs(running, ("default",))
        made.append(EventStreams(running, jobs, JobNotifier(redis_url), most, most_per_client, heartbeat))
        return made[-1]

    yield streams
    for opened in made:
        for watcher in [watcher for feed in opened._feeds.values() for watcher in feed.watchers]:
            watcher.close()
        wait_until(lambda opened=opened: not opened._notifier._waiting)


def report(redis: Redis, *numbers: int) -> None:
    """Progress events, as a job that runs reports them."""
    with redis.pipeline() as pipeline:
        for number in numbers:
            emit(pipeline, JOB, "progress", Progress(number, 10_000, "").as_dict())
        pipeline.execute()


def end(redis: Redis) -> None:
    redis.hset(job_key(JOB), "status", "finished")
    redis.publish(WAKE, JOB)


def numbers(text: bytes) -> list[int]:
    return [int(number) for number in re.findall(rb'"current": (\d+)', text)]


def types(text: bytes) -> list[str]:
    return re.findall(r"^event: (.*)$", text.decode(), re.MULTILINE)


def read_until(watcher: Iterator[bytes], wanted: bytes) -> bytes:
    text = b""
    while wanted not in text:
        text += next(watcher)
    return text


def test_a_watcher_hears_the_past_then_what_comes_then_the_end(running, streams):
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


def test_a_watcher_that_comes_again_hears_what_followed_the_last_event_that_it_saw(running, streams):
    report(running, 1, 2, 3)
    [first, *_] = running.xrange(events_key(JOB))
    end(running)

    text = b"".join(streams().open(JOB, first[0].decode(), "me"))

    assert numbers(text) == [2, 3]
    assert types(text)[-1] == "end"


def test_a_watcher_that_missed_the_end_alone_hears_it(running, streams):
    report(running, 1)
    [last] = running.xrange(events_key(JOB))
    end(running)

    text = b"".join(streams().open(JOB, last[0].decode(), "me"))

    assert types(text) == ["state", "end"]


def test_who_comes_later_is_told_the_state_of_now_and_none_of_before(running, streams):
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


def test_there_is_no_gap_and_nothing_twice_between_the_past_and_what_comes(running, streams):
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


def test_all_watchers_of_a_job_share_one_reader_and_one_subscriber(running, streams):
    subscribers = running.pubsub_numsub(WAKE)[0][1]
    opened = streams()
    watchers = [opened.open(JOB, "0-0", "me") for _ in range(50)]
    wait_until(lambda: running.pubsub_numsub(WAKE)[0][1] == subscribers + 1)
    for watcher in watchers:
        next(watcher)
    wait_until(lambda: len(opened._feeds) == 1)
    before = running.info("commandstats")["cmdstat_xrange"]["calls"]

    report(running, 1)

    assert [numbers(next(watcher)) for watcher in watchers] == [[1]] * 50
    assert running.info("commandstats")["cmdstat_xrange"]["calls"] <= before + 2
    assert running.pubsub_numsub(WAKE)[0][1] == subscribers + 1


def test_a_reader_that_falls_too_far_behind_is_dropped(running, streams):
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


def test_there_are_no_more_streams_than_the_caps_say(running, streams):
    opened = streams(most=3, most_per_client=2)
    mine = [opened.open(JOB, "0-0", "me") for _ in range(2)]

    with pytest.raises(TooManyStreams, match="You have 2 event streams"):
        opened.open(JOB, "0-0", "me")
    opened.open(JOB, "0-0", "you")
    with pytest.raises(TooManyStreams, match="3 event streams open"):
        opened.open(JOB, "0-0", "they")
    mine[0].close()
    opened.open(JOB, "0-0", "me")

    assert len(opened) == 3


def test_a_job_that_is_not_there_takes_no_place(streams):
    opened = streams()

    with pytest.raises(JobNotFound):
        opened.open("another", "0-0", "me")

    assert len(opened) == 0


def test_over_the_cap_a_client_is_asked_to_come_again_later(running, web_settings):
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


def test_a_quiet_stream_shows_that_it_lives(streams):
    watcher = streams(heartbeat=0.05).open(JOB, "0-0", "me")
    next(watcher)

    assert next(watcher) == HEARTBEAT


def follow(watcher: Watcher) -> socket.socket:
    """The client's end of a connection that was given to the watcher."""
    ours, theirs = socket.socketpair()
    watcher.follow(ours)
    theirs.settimeout(20)
    return theirs


def receive_until(connection: socket.socket, wanted: bytes) -> bytes:
    text = b""
    while wanted not in text:
        received = connection.recv(65536)
        assert received, "the stream ended"
        text += received
    return text


def test_a_connection_is_sent_what_comes_and_closed_at_the_end(running, streams):
    opened = streams(heartbeat=0.05)
    report(running, 1)
    with follow(opened.open(JOB, "0-0", "me")) as client:
        receive_until(client, HEARTBEAT)

        report(running, 2)
        receive_until(client, b'"current": 2')
        end(running)
        receive_until(client, b"event: end")

        assert client.recv(1) == b""
    assert len(opened) == 0


def test_a_stream_ends_with_a_word_when_its_watcher_is_no_longer_allowed(running, streams):
    opened, allowed = streams(heartbeat=0.05), [True]
    with (
        follow(opened.open(JOB, "0-0", "me", lambda: bool(allowed))) as client,
        follow(opened.open(JOB, "0-0", "you", lambda: True)) as other,
    ):
        receive_until(client, HEARTBEAT)

        allowed.clear()
        receive_until(client, b'"refused"')
        report(running, 1)

        assert b"progress" not in b"".join(iter(lambda: client.recv(65536), b""))
        receive_until(other, b'"current": 1')
    assert len(opened) == 1


def test_who_watches_a_job_that_is_never_silent_is_asked_for_too(running, streams):
    opened, allowed = streams(heartbeat=0.2), [True]
    with follow(opened.open(JOB, "0-0", "me", lambda: bool(allowed))) as client:
        allowed.clear()
        number = iter(range(10_000))

        def ended() -> bool:
            report(running, next(number))
            return b"event: end" in client.recv(65536)

        wait_until(ended)


def test_heartbeats_find_out_which_clients_have_gone(streams):
    opened = streams(heartbeat=0.05)
    follow(opened.open(JOB, "0-0", "me")).close()
    with follow(opened.open(JOB, "0-0", "me")) as half_closed:
        half_closed.shutdown(socket.SHUT_WR)

        wait_until(lambda: len(opened) == 0)

    assert opened._feeds == {}


def test_when_the_last_watcher_has_gone_nothing_is_read_any_longer(running, streams):
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


@pytest.fixture
def proxy(redis_server: RedisServer) -> Iterator[Proxy]:
    proxy = Proxy(redis_server.port)
    proxy.start()
    yield proxy
    proxy.stop()


def test_wake_ups_come_again_after_a_connection_that_died_in_silence(redis, proxy, monkeypatch, caplog):
    monkeypatch.setattr(job_notifier, "SILENCE_SECONDS", 0.2)
    monkeypatch.setattr(job_notifier, "RECONNECT_SECONDS", 0.05)
    news = JobNotifier(f"redis://127.0.0.1:{proxy.port}/0").add(JOB)
    assert news.wait(10)
    news.clear()

    proxy.black_hole()
    wait_until(lambda: "Redis is silent" in caplog.text)
    proxy.open()

    assert news.wait(10)  # for what was missed
    news.clear()
    redis.publish(WAKE, JOB)
    assert news.wait(10)
