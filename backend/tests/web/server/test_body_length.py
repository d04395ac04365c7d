"""The body of an answer is as long as the answer says: what is longer is cut, and both cases end the connection."""

from __future__ import annotations

import pytest

GET = "{} {} HTTP/1.1\r\nHost: here\r\n\r\n"
HIDDEN = b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nforged"

ANSWERS = {
    "/right": ("200 OK", [("Content-Length", "4")], [b"body"]),
    "/in_pieces": ("200 OK", [("Content-Length", "4")], [b"bo", b"", b"dy"]),
    "/long": ("200 OK", [("Content-Length", "4")], [b"body" + HIDDEN]),
    "/long_in_pieces": ("200 OK", [("Content-Length", "4")], [b"bod", b"y" + HIDDEN, HIDDEN]),
    "/long_after_nothing": ("200 OK", [("Content-Length", "0")], [HIDDEN]),
    "/large": ("200 OK", [("Content-Length", "100000")], [b"b" * 100_000 + HIDDEN]),
    "/no_content": ("204 No Content", [], [HIDDEN]),
    "/not_modified": ("304 Not Modified", [], [HIDDEN]),
    "/short": ("200 OK", [("Content-Length", "5")], [b"body"]),
    "/empty": ("200 OK", [("Content-Length", "5")], []),
    "/unknown": ("200 OK", [], [b"bo", b"dy"]),
}


@pytest.fixture
def ask(serve, connect):
    """Send requests on one connection; return all that the server answers until it closes."""

    def application(environ, start_response):
        status, headers, body = ANSWERS.get(environ["PATH_INFO"], ("404 Not Found", [("Content-Length", "0")], []))
        start_response(status, headers)
        return iter(body) if environ["PATH_INFO"] == "/unknown" else body

    server = serve(application)

    def ask(*requests, method="GET"):
        client = connect(server)
        for path in requests:
            client.send(GET.format(method, path))
        client.send("GET /end HTTP/1.1\r\nHost: here\r\nConnection: close\r\n\r\n")
        return client.read()

    return ask


@pytest.mark.parametrize("path", ["/right", "/in_pieces"])
def test_a_body_of_the_declared_length_leaves_the_connection_open(ask, path):
    answer = ask(path)

    assert answer.partition(b"\r\n\r\n")[2].startswith(b"bodyHTTP/1.1 404 ")


@pytest.mark.parametrize("path", ["/long", "/long_in_pieces", "/long_after_nothing", "/large"])
def test_a_longer_body_is_cut_and_is_the_last_of_its_connection(ask, path):
    answer = ask(path)

    head, _, body = answer.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 200 OK")
    assert body in (b"body", b"", b"b" * 100_000)
    assert b"forged" not in answer


@pytest.mark.parametrize("path", ["/no_content", "/not_modified"])
def test_an_answer_that_can_not_have_a_body_has_none(ask, path):
    answer = ask(path)

    assert answer.count(b"HTTP/1.1 ") == 1
    assert answer.endswith(b"\r\n\r\n")


@pytest.mark.parametrize(("path", "sent"), [("/short", b"body"), ("/empty", b"")])
def test_after_a_shorter_body_the_connection_ends_and_the_client_does_not_wait(ask, path, sent):
    assert ask(path).partition(b"\r\n\r\n")[2] == sent


@pytest.mark.parametrize("path", ["/right", "/in_pieces", "/long", "/short", "/empty", "/unknown"])
def test_head_has_no_body_and_leaves_the_connection_open(ask, path):
    first, second, rest = ask(path, method="HEAD").split(b"\r\n\r\n")

    assert first.startswith(b"HTTP/1.1 200 OK")
    assert b"Transfer-Encoding" not in first
    assert second.startswith(b"HTTP/1.1 404 ")
    assert rest == b""


def test_a_body_of_unknown_length_is_sent_in_chunks(ask):
    assert b"Transfer-Encoding: chunked\r\n\r\n2\r\nbo\r\n2\r\ndy\r\n0\r\n\r\n" in ask("/unknown")
