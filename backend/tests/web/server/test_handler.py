"""The handler of HTTP: an answer is one packet, no client holds up another, and no refusal is lost or costs much.

A socket that keeps the limits of packets stands for the network where packets are counted.
"""

from __future__ import annotations

import socket
from contextlib import suppress

import gevent
import pytest
from gevent.socket import socketpair

from taskdesk.service.http import connection
from taskdesk.service.http.handler import Handler
from taskdesk.service.http.request_body import MAX_SKIPPED_BYTES

POST = "POST {} HTTP/1.1\r\nHost: here\r\nContent-Length: {}\r\n\r\n{}"
GET = "GET {} HTTP/1.1\r\nHost: here\r\n\r\n"


@pytest.fixture
def talk(serve, echo):
    """Send each packet on its own connection, at the same time; return the packets received, by connection."""
    server = serve(echo)

    def talk(*packets):
        handlers, clients = [], []
        for packet in packets:
            client, connection = socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
            for start in range(0, len(packet), 4096):  # what does not fit into the reader's buffer would be lost
                client.sendall(packet[start : start + 4096])
            client.shutdown(socket.SHUT_WR)
            clients.append(client)
            handlers.append(gevent.spawn(server.handle, connection, ("127.0.0.1", 1)))
            handlers[-1].link(lambda _, connection=connection: connection.close())
        gevent.joinall(handlers, timeout=60, raise_error=True)
        answers = []
        for client in clients:
            answers.append(list(iter(lambda client=client: client.recv(1 << 20), b"")))
            client.close()
        return answers

    return talk


def test_head_and_body_of_an_answer_are_one_packet(talk):
    [[packet]] = talk(POST.format("/", 4, "body").encode())

    head, _, body = packet.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 200 OK\r\n")
    assert b"\r\nDate: " in head
    assert body == b"body"


def test_a_large_body_follows_its_head(talk):
    [packets] = talk(POST.format("/", 100_000, "b" * 100_000).encode())

    assert b"".join(packets).partition(b"\r\n\r\n")[2] == b"b" * 100_000


def test_a_client_with_many_requests_lets_others_have_their_turn(talk, seen):
    talk("".join(map(GET.format, ("/1", "/2", "/3"))).encode(), GET.format("/other").encode())

    assert [environ["PATH_INFO"] for environ in seen] == ["/1", "/other", "/2", "/3"]


@pytest.mark.parametrize(
    ("version", "asked", "stays"),
    [
        ("1.1", "", True),
        ("1.1", "Connection: Keep-Alive\r\n", True),
        ("1.1", "Connection: close\r\n", False),
        ("1.1", "Connection: TE, Close\r\n", False),
        ("1.0", "", False),
        ("1.0", "Connection: keep-alive\r\n", True),
    ],
)
def test_a_connection_stays_open_if_the_client_wants_it(connect, version, asked, stays):
    client = connect().send(f"GET / HTTP/{version}\r\nHost: here\r\n{asked}\r\n")

    head = client.answer().lower()

    assert (b"connection: close" in head) is not stays
    if stays:
        client.send(GET.format("/")).answer()
    else:
        assert client.read() == b""


def test_a_client_that_expects_100_is_told_to_continue_when_the_body_is_read(connect):
    client = connect().send("POST / HTTP/1.1\r\nHost: here\r\nContent-Length: 4\r\nExpect: 100-continue\r\n\r\n")

    assert client.socket.recv(100) == b"HTTP/1.1 100 Continue\r\n\r\n"
    assert client.send("body").answer().endswith(b"\r\n\r\nbody")
    client.send(GET.format("/")).answer()


def test_a_client_that_expects_100_and_is_refused_need_not_send(connect):
    client = connect().send("POST /unread HTTP/1.1\r\nHost: here\r\nContent-Length: 4\r\nExpect: 100-continue\r\n\r\n")

    assert b"\r\nConnection: close\r\n" in client.read()


def test_a_small_body_that_nobody_reads_is_skipped(connect, seen):
    client = connect().send(POST.format("/unread", MAX_SKIPPED_BYTES, "a" * MAX_SKIPPED_BYTES) + GET.format("/next"))

    assert b"Connection: close" not in client.answer()
    client.answer()
    assert seen[-1]["PATH_INFO"] == "/next"


def test_a_large_body_that_nobody_reads_ends_the_connection_and_its_sender_sees_the_answer(connect, seen):
    length = 20_000_000
    client = connect().send(POST.format("/unread", length, ""))

    client.send(b"a" * length + GET.format("/next").encode())  # as clients do that read when they have sent

    assert b"\r\nConnection: close\r\n" in client.read()
    assert len(seen) == 1


def test_only_a_bounded_part_of_an_unread_body_is_received(connect, monkeypatch):
    monkeypatch.setattr(connection, "LINGER_BYTES", 1_000_000)
    monkeypatch.setattr(connection, "LINGER_SECONDS", 3600)

    assert sends_until_cut_off(connect())


def test_an_unread_body_is_received_for_a_short_time_only(connect, monkeypatch):
    monkeypatch.setattr(connection, "LINGER_BYTES", 10**12)
    monkeypatch.setattr(connection, "LINGER_SECONDS", 0.1)

    assert sends_until_cut_off(connect())


def sends_until_cut_off(client):
    """Return True if the server cuts off a client that never stops sending."""
    client.send(POST.format("/unread", 10**12, ""))
    with gevent.Timeout(15, False):
        with suppress(OSError):
            while True:
                client.send(b"a" * 1_000_000)
                gevent.sleep(0)
        return True
    return False


def test_a_client_that_leaves_amid_its_body_is_no_error_of_ours(connect, seen, capsys):
    client = connect().send(POST.format("/", 10, "body"))
    client.socket.shutdown(socket.SHUT_WR)

    answer = client.read()

    assert answer.startswith(b"HTTP/1.1 400 Bad Request\r\n")
    assert answer.endswith(b"The connection ended before the body.")
    assert "Traceback" not in capsys.readouterr().err


def test_an_error_of_the_application_ends_the_connection_with_500(serve, seen, capsys):
    def broken(environ, start_response):
        raise RuntimeError("a bug")

    port = serve(broken).server_port
    with gevent.socket.create_connection(("127.0.0.1", port), timeout=60) as client:
        client.sendall(POST.format("/", 10**9, "body").encode())
        answer = client.recv(1000)

    assert answer.startswith(b"HTTP/1.1 500 ")
    assert b"\r\nConnection: close\r\n" in answer
    assert "a bug" in capsys.readouterr().err


def test_no_header_names_the_server(connect):
    """Its name and version would only help attackers."""
    assert b"\r\nserver:" not in connect().send(GET.format("/")).answer().lower()
    assert Handler.protocol_version == "HTTP/1.1"
