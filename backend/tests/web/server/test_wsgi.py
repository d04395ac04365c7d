"""The server: a connection over the limit is refused, and a stop loses no answer."""

from __future__ import annotations

import json
import signal
import socket
import time

import gevent.event
import pytest

from taskdesk.service.http import wsgi
from taskdesk.web.application import create_app
from tests.conftest import Stack, wait_until
from tests.web.conftest import wait_for

GET = "GET {} HTTP/1.1\r\nHost: localhost\r\n\r\n"
POST = "POST {} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{}"


def test_a_connection_over_the_limit_is_told_to_come_again(connect, monkeypatch, seen):
    monkeypatch.setattr(wsgi, "MAX_CONNECTIONS", 2)
    first, second = (connect().send(GET.format("/")) for _ in range(2))
    first.answer(), second.answer()

    head, _, body = connect().send(GET.format("/")).read().partition(b"\r\n\r\n")

    assert head.startswith(b"HTTP/1.1 503 Service Unavailable\r\n")
    assert {b"Retry-After: 5", b"Content-Type: application/problem+json", b"Connection: close"} <= set(
        head.split(b"\r\n")
    )
    assert json.loads(body)["detail"] == "There are too many connections. Please try again shortly."
    assert len(seen) == 2
    second.send(GET.format("/")).answer()


def test_there_is_room_again_when_a_connection_ends(connect, monkeypatch):
    monkeypatch.setattr(wsgi, "MAX_CONNECTIONS", 1)
    first = connect().send(GET.format("/"))
    first.answer()
    assert connect().send(GET.format("/")).read().startswith(b"HTTP/1.1 503 ")

    first.socket.close()

    wait_for(lambda: connect().send(GET.format("/")).answer().startswith(b"HTTP/1.1 200 "))


def test_connections_leave_some_files_of_the_process_free(serve, echo, connect, monkeypatch):
    monkeypatch.setattr(wsgi, "SPARE_FILES", 10**9)

    answer = connect(serve(echo)).send(GET.format("/")).read()

    assert answer.startswith(b"HTTP/1.1 503 ")


@pytest.fixture
def running(redis):
    """Start a job, and return the path of its events."""
    redis.hset("rq:job:a-job", mapping={"status": "started", "data": '["tests.sample_tasks.echo", null, [], {}]'})
    return "/api/v1/jobs/a-job/events"


def read_until(client, text):
    received = b""
    while text not in received:
        received += client.socket.recv(10_000)


def test_an_event_stream_does_not_count_as_a_connection(serve, connect, web_settings, running, monkeypatch):
    monkeypatch.setattr(wsgi, "MAX_CONNECTIONS", 1)
    server = serve(create_app(web_settings))

    for _ in range(3):
        read_until(connect(server).send(GET.format(running)), b"event: state")

    assert connect(server).send(GET.format("/healthz")).answer().startswith(b"HTTP/1.1 200 ")


@pytest.fixture
def slow(serve):
    """A server that answers when `slow.go` is set, and has received `slow.begun` requests."""

    def application(environ, start_response):
        server.begun += 1
        server.go.wait()
        start_response("200 OK", [("Content-Length", "4")])
        return [b"slow"]

    server = serve(application)
    server.begun, server.go = 0, gevent.event.Event()
    return server


def test_a_stop_waits_for_requests_under_way_and_says_that_the_connection_ends(slow, connect):
    clients = [connect(slow).send(GET.format("/")) for _ in range(20)]
    wait_for(lambda: slow.begun == 20)

    stopping = gevent.spawn(slow.stop, 10)
    wait_for(lambda: slow.closed)
    slow.go.set()

    for client in clients:
        answer = client.read()
        assert answer.startswith(b"HTTP/1.1 200 ")
        assert b"\r\nConnection: close\r\n" in answer
    stopping.join(30)
    assert stopping.ready()
    assert refuses(slow.address[1])


def test_a_stop_does_not_wait_for_idle_connections(serve, echo, connect):
    server = serve(echo)
    used, fresh = connect(server), connect(server)
    used.send(GET.format("/")).answer()

    began = time.monotonic()
    server.stop(40)

    assert time.monotonic() - began < 20
    assert used.read() == fresh.read() == b""


def test_a_request_that_was_on_its_way_at_a_stop_is_answered(serve, echo, connect, monkeypatch):
    monkeypatch.setattr(wsgi, "STOP_IDLE_SECONDS", 1)
    server = serve(echo)
    used, waiting = connect(server), connect(server)
    used.send(GET.format("/")).answer()

    stopping = gevent.spawn(server.stop, 10)  # runs when we wait
    in_backlog = connect(server)
    wait_for(lambda: server.closed)
    gevent.sleep(0.1)
    for client in (used, waiting, in_backlog):
        assert client.send(GET.format("/")).answer().startswith(b"HTTP/1.1 200 ")
    stopping.join(30)

    assert stopping.ready()


def test_a_stream_that_is_requested_at_a_stop_begins_and_ends_so_that_the_client_reconnects(
    serve, connect, web_settings, running
):
    server = serve(create_app(web_settings))
    client = connect(server).send(GET.format("/healthz"))
    client.answer()

    stopping = gevent.spawn(server.stop, 10)
    wait_for(lambda: server.closed)
    text = client.send(GET.format(running)).read()

    assert text.startswith(b"HTTP/1.1 200 ")
    assert b"event: state" in text
    assert b"event: end" not in text
    stopping.join(30)


def test_a_stop_waits_no_longer_than_it_should(slow, connect):
    client = connect(slow).send(GET.format("/"))
    wait_for(lambda: slow.begun)

    slow.stop(0.2)

    assert client.read().startswith(b"HTTP/1.1 500 ")


@pytest.fixture
def web(redis_url, tmp_path, registry):
    def web(**settings):
        started.append(Stack(redis_url, tmp_path, **settings))
        started[-1].start("server")
        wait_until(started[-1].answers)
        return started[-1]

    started = []
    yield web
    for stack in started:
        stack.stop()


def refuses(port):
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
    except ConnectionRefusedError:
        return True
    except ConnectionResetError:  # it was in the backlog
        return False
    return False


@pytest.mark.slow
@pytest.mark.parametrize("processes", ["1", "2"])
def test_sigterm_loses_no_answer(web, running, connect, processes):
    """A real process with half of a body, clients that wait for a job, streams and idle connections."""
    stack = web(WEB_PROCESSES=processes)
    body = '{"text": "a"}'
    uploads = [connect(stack.port).send(POST.format("/api/v1/tasks/echo/jobs", len(body), body[:5])) for _ in range(20)]
    waiting = connect(stack.port).send(GET.format("/api/v1/jobs/a-job").replace("Host", "Prefer: wait=60\r\nHost"))
    stream = connect(stack.port).send(GET.format(running))
    read_until(stream, b"event: state")
    idle = connect(stack.port).send(GET.format("/healthz"))
    idle.answer()

    stack.processes["server"].send_signal(signal.SIGTERM)
    wait_until(lambda: refuses(stack.port))
    for client in uploads:
        answer = client.send(body[5:]).read()
        assert answer.startswith(b"HTTP/1.1 202 ")
        assert b"\r\nConnection: close\r\n" in answer

    assert waiting.read().startswith(b"HTTP/1.1 200 ")
    assert stream.read() == idle.read() == b""
    assert stack.processes["server"].wait(20) == 0
