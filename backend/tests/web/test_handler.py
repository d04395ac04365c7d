"""The handler of HTTP: what is no request is refused, an answer is one packet, and no client holds up another.

A socket that keeps the limits of packets stands for the network.
"""

from __future__ import annotations

import json
import socket

import gevent
import pytest
from gevent.pywsgi import WSGIServer
from gevent.socket import socketpair

from web.handler import MAX_HEADERS, Handler


@pytest.fixture
def seen():
    """The paths that the application was asked for, and its environ."""
    return []


@pytest.fixture
def talk(seen):
    """Send packets on one connection each, at the same time; the packets that come back, by connection."""

    def application(environ, start_response):
        seen.append((environ["PATH_INFO"], environ))
        body = environ["wsgi.input"].read()
        start_response("200 OK", [("Content-Length", str(len(body)))])
        return [body]

    server = WSGIServer(("127.0.0.1", 0), application, log=None, error_log=None)

    def talk(*packets):
        handlers, clients = [], []
        for packet in packets:
            client, connection = socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
            for start in range(0, len(packet), 4096):  # what does not fit into the reader's buffer would be lost
                client.sendall(packet[start : start + 4096])
            client.shutdown(socket.SHUT_WR)
            clients.append(client)
            handlers.append(gevent.spawn(Handler(connection, ("127.0.0.1", 1), server).handle))
        gevent.joinall(handlers, timeout=10, raise_error=True)
        answers = []
        for client in clients:
            answers.append(list(iter(lambda client=client: client.recv(1 << 20), b"")))
            client.close()
        return answers

    return talk


def test_a_request_reaches_the_application_with_its_header(talk, seen):
    talk(b"GET /a?b=c HTTP/1.1\r\nHost: here\r\nX-Word:  two words \r\nX-Word: three\r\nEmpty:\r\n\r\n")

    [(path, environ)] = seen
    assert (path, environ["QUERY_STRING"], environ["HTTP_HOST"]) == ("/a", "b=c", "here")
    assert (environ["HTTP_X_WORD"], environ["HTTP_EMPTY"]) == ("two words,three", "")


def test_head_and_body_of_an_answer_are_one_packet(talk):
    [[packet]] = talk(b"POST / HTTP/1.1\r\nHost: here\r\nContent-Length: 4\r\n\r\nbody")

    head, _, body = packet.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 200 OK\r\n")
    assert b"\r\nDate: " in head
    assert body == b"body"


def test_a_large_body_follows_its_head(talk):
    body = b"b" * 100_000

    [packets] = talk(b"POST / HTTP/1.1\r\nHost: here\r\nContent-Length: 100000\r\n\r\n" + body)

    assert b"".join(packets).partition(b"\r\n\r\n")[2] == body


def test_a_client_with_many_requests_lets_others_have_their_turn(talk, seen):
    request = "GET /{} HTTP/1.1\r\nHost: here\r\n\r\n"

    talk("".join(map(request.format, (1, 2, 3))).encode(), request.format("other").encode())

    assert [path for path, _ in seen] == ["/1", "/other", "/2", "/3"]


@pytest.mark.parametrize(
    "header",
    [
        "Content-Length: 4\r\nContent-Length: 4\r\n",
        "Content-Length: 4\r\nContent-Length: 5\r\n",
        "Content-Length: +4\r\n",
        "Content-Length: 4, 4\r\n",
        "Content-Length: 4_0\r\n",
        "Content-Length:\r\n",
        "Content-Length : 4\r\n",
        "Host: here\r\n there\r\n",
        " Host: here\r\n",
        "no header\r\n",
        ": no name\r\n",
        "X-Word: a\x00b\r\n",
        "X-Word: a\rb\r\n",
        "X-Wörd: a\r\n",
        "".join(f"X-{number}: a\r\n" for number in range(MAX_HEADERS + 1)),
        f"X-Long: {'a' * 70_000}\r\n",
    ],
)
def test_a_header_that_is_none_or_ambiguous_is_refused(talk, seen, header):
    [packets] = talk(f"POST / HTTP/1.1\r\n{header}\r\nbody".encode("latin-1"))

    assert packets[0].startswith(b"HTTP/1.1 400 ")
    assert seen == []


@pytest.mark.parametrize(
    ("line", "status", "detail"),
    [
        ("POST /a b HTTP/1.1", 400, "This is no HTTP/1.1 request: a line of its header is malformed or ambiguous."),
        ("GET / HTTP/9.9", 400, "This is no HTTP/1.1 request: a line of its header is malformed or ambiguous."),
        (f"GET /{'a' * 9_000} HTTP/1.1", 414, "The address is too long: send what is long in the body."),
    ],
)
def test_what_is_no_request_is_refused_with_a_problem_and_the_connection_ends(talk, seen, line, status, detail):
    [packets] = talk(f"{line}\r\nHost: here\r\n\r\nGET / HTTP/1.1\r\nHost: here\r\n\r\n".encode())

    head, _, body = b"".join(packets).partition(b"\r\n\r\n")
    assert head.startswith(f"HTTP/1.1 {status} ".encode())
    assert b"\r\nContent-Type: application/problem+json\r\n" in head
    assert head.endswith(b"\r\nConnection: close")
    assert f"\r\nContent-Length: {len(body)}\r\n".encode() in head
    assert (json.loads(body)["status"], json.loads(body)["detail"]) == (status, detail)
    assert seen == []


def test_a_header_that_breaks_off_is_no_request(talk, seen):
    talk(b"POST / HTTP/1.1\r\nHost: here\r\n")

    assert seen == []
