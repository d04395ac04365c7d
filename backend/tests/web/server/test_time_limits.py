"""Slow clients: each phase of a request has its time limit; a client that is slow but steady is served."""

from __future__ import annotations

import socket
import time

import gevent
import pytest

from taskdesk.service.http import connection
from taskdesk.web.application import create_app
from tests.web.conftest import wait_for

GET = "GET {} HTTP/1.1\r\nHost: localhost\r\n\r\n"
POST = "POST {} HTTP/1.1\r\nHost: localhost\r\nContent-Length: {}\r\n\r\n"


@pytest.fixture
def limit(monkeypatch):
    """Set these limits, and all others to an hour."""

    def limit(**limits):
        for name in ("IDLE_SECONDS", "HEAD_SECONDS", "BODY_SECONDS", "SEND_SECONDS"):
            monkeypatch.setattr(connection, name, limits.pop(name, 3600))
        for name, value in limits.items():
            monkeypatch.setattr(connection, name, value)

    return limit


def drip(client, text, pause=0.05):
    """Send byte after byte until the server closes the connection."""
    for byte in text.encode():
        try:
            client.send(bytes([byte]))
        except OSError:
            return
        gevent.sleep(pause)


def test_a_connection_without_requests_is_closed_quietly(connect, limit):
    limit(IDLE_SECONDS=0.1)
    used = connect().send(GET.format("/"))
    used.answer()

    assert used.read() == connect().read() == b""


def test_a_head_that_comes_byte_by_byte_is_cut_off(connect, limit, seen):
    limit(HEAD_SECONDS=0.3)
    client = connect()
    began = time.monotonic()

    dripping = gevent.spawn(drip, client, GET.format("/" + "a" * 200))
    answer = client.read()

    assert answer.startswith(b"HTTP/1.1 408 Request Timeout\r\n")
    assert b"\r\nConnection: close\r\n" in answer
    assert answer.endswith(b"}")
    assert time.monotonic() - began < 30
    assert seen == []
    dripping.kill()


def test_the_time_of_a_head_begins_with_its_first_byte(connect, limit):
    limit(HEAD_SECONDS=0.2)
    client = connect()
    for _ in range(2):
        gevent.sleep(0.4)
        client.send(GET.format("/")).answer()


@pytest.mark.parametrize("path", ["/api/v1/tasks/echo/jobs", "/tasks/echo"])
def test_a_body_that_does_not_come_is_answered_with_a_problem(serve, connect, web_settings, registry, limit, path):
    limit(BODY_SECONDS=0.1)
    client = connect(serve(create_app(web_settings)))
    kind = "application/json" if "api" in path else "application/x-www-form-urlencoded"

    client.send(POST.format(path, 100).replace("\r\n\r\n", f"\r\nContent-Type: {kind}\r\n\r\n") + "{")
    answer = client.read()

    assert answer.startswith(b"HTTP/1.1 408 ")
    assert b"\r\nContent-Type: application/problem+json\r\n" in answer
    assert b'"detail":"The body came too slowly."' in answer.replace(b": ", b":")
    assert b"\r\nConnection: close\r\n" in answer


def test_a_body_that_arrives_slowly_but_steadily_is_accepted(connect, limit):
    limit(BODY_SECONDS=0.5, BODY_BYTES_PER_SECOND=20)  # a byte gives 0.05 seconds more
    client = connect().send(POST.format("/", 100))

    for _ in range(10):
        client.send("a" * 10)
        gevent.sleep(0.1)

    assert client.answer().endswith(b"\r\n\r\n" + b"a" * 100)


def test_a_body_that_comes_byte_by_byte_is_cut_off(connect, limit):
    limit(BODY_SECONDS=0.2, BODY_BYTES_PER_SECOND=500)
    client = connect().send(POST.format("/", 200))

    dripping = gevent.spawn(drip, client, "a" * 200)

    assert client.answer().startswith(b"HTTP/1.1 408 ")
    dripping.kill()


def test_the_application_has_no_time_limit(serve, connect, limit):
    limit(HEAD_SECONDS=0.1, BODY_SECONDS=0.1, SEND_SECONDS=0.1)

    def slow(environ, start_response):
        for _ in range(2):
            environ["wsgi.input"].read(2)
            gevent.sleep(0.3)
        start_response("200 OK", [("Content-Length", "4")])
        yield b"sl"
        gevent.sleep(0.3)
        yield b"ow"

    client = connect(serve(slow)).send(POST.format("/", 4) + "body")

    assert client.answer().endswith(b"\r\n\r\nslow")
    assert client.send(POST.format("/", 4) + "body").answer().endswith(b"\r\n\r\nslow")


LARGE = 20_000_000  # bytes: more than the system keeps for a connection


@pytest.fixture
def large(serve):
    """A server with one large answer."""

    def application(environ, start_response):
        start_response("200 OK", [("Content-Length", str(LARGE))])
        return [b"a" * LARGE]

    return serve(application)


def test_a_client_that_does_not_read_its_answer_is_cut_off(large, connect, limit):
    limit(SEND_SECONDS=0.2)
    client = connect(large, room=4096).send(GET.format("/"))

    wait_for(lambda: large._served)
    wait_for(lambda: not large._served, "the server gives up")

    with pytest.raises(ConnectionResetError):  # so nothing is kept for it in the system, either
        client.read()


@pytest.mark.slow
def test_a_client_that_reads_slowly_is_sent_all(large, connect, limit):
    limit(SEND_SECONDS=0.5)
    client = connect(large, room=65_536).send(GET.format("/").replace("1.1", "1.0"))

    began, count = time.monotonic(), 0
    while received := client.socket.recv(200_000):
        count += len(received)
        gevent.sleep(0.01)

    assert count > LARGE
    assert time.monotonic() - began > 0.5


def test_an_event_stream_has_no_time_limit(serve, connect, web_settings, redis, limit):
    limit(IDLE_SECONDS=0.1, HEAD_SECONDS=0.1, SEND_SECONDS=0.1)
    redis.hset("rq:job:a-job", mapping={"status": "started", "data": '["tests.sample_tasks.echo", null, [], {}]'})
    client = connect(serve(create_app(web_settings)))

    client.send(GET.format("/api/v1/jobs/a-job/events"))
    while b"event: state" not in client.socket.recv(10_000):
        pass

    client.socket.settimeout(0.5)
    with pytest.raises(socket.timeout):
        client.socket.recv(1)
