"""The head of a request: what reaches the application, and what the server refuses."""

from __future__ import annotations

import json
import logging
import re

import pytest

from taskdesk.service.http.request_parser import MAX_FIELDS, MAX_HEAD_BYTES, MAX_LINE_BYTES
from taskdesk.service.http.safe_headers import SAFE_HEADERS

HOST = "Host: here\r\n"


def request(line="GET / HTTP/1.1", fields=HOST, body=""):
    return f"{line}\r\n{fields}\r\n{body}"


def test_a_request_reaches_the_application_with_its_fields(connect, seen):
    fields = "Host: here:80\r\nX-Word:  two words \r\nx-word: three\r\nEmpty:\r\nCookie: a=1\r\nCookie: b=2\r\n"

    connect().send(request("GET /a%20%C3%A4?b=%20c HTTP/1.1", fields)).answer()

    [environ] = seen
    assert (environ["PATH_INFO"], environ["QUERY_STRING"]) == ("/a \xc3\xa4", "b=%20c")
    assert (environ["HTTP_HOST"], environ["HTTP_X_WORD"], environ["HTTP_EMPTY"]) == ("here:80", "two words,three", "")
    assert (environ["HTTP_COOKIE"], environ["REMOTE_ADDR"]) == ("a=1; b=2", "127.0.0.1")


def test_length_and_type_of_the_body_have_no_prefix(connect, seen):
    connect().send(request("POST / HTTP/1.1", HOST + "Content-Length: 1\r\nContent-Type: a/b\r\n", "a")).answer()

    assert (seen[0]["CONTENT_LENGTH"], seen[0]["CONTENT_TYPE"]) == ("1", "a/b")
    assert not {"HTTP_CONTENT_LENGTH", "HTTP_CONTENT_TYPE"} & seen[0].keys()


def test_a_field_whose_name_could_be_taken_for_another_is_left_out(connect, seen):
    connect().send(request(fields=HOST + "X_Forwarded_For: a\r\n")).answer()

    assert not [key for key in seen[0] if "FORWARDED" in key]


def test_an_absolute_address_is_split(connect, seen):
    for line in ("GET http://HERE/a?b HTTP/1.1", "GET http://here?b HTTP/1.1"):
        connect().send(request(line)).answer()

    assert [(environ["PATH_INFO"], environ["QUERY_STRING"]) for environ in seen] == [("/a", "b"), ("/", "b")]


def test_an_empty_line_before_a_request_is_skipped(connect, seen):
    connect().send("\r\n" + request()).answer()

    assert len(seen) == 1


REFUSED = {
    "no version": (request("GET /"), 400),
    "HTTP/0.9": (request("GET / HTTP/0.9"), 400),
    "HTTP/2": ("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 400),
    "another protocol": (request("GET / RTSP/1.0"), 400),
    "TLS": ("\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\n", 400),
    "a space in the address": (request("GET /a b HTTP/1.1"), 400),
    "two spaces": (request("GET  / HTTP/1.1"), 400),
    "a tab": (request("GET\t/ HTTP/1.1"), 400),
    "a byte that is not ASCII": (request("GET /\xe4 HTTP/1.1"), 400),
    "a byte that Python takes for a space": (request("GET\xa0/ HTTP/1.1"), 400),
    "no method": (request(" / HTTP/1.1"), 400),
    "an unknown method": (request("BREW / HTTP/1.1"), 501),
    "a method in small letters": (request("get / HTTP/1.1"), 501),
    "a tunnel": (request("CONNECT here:80 HTTP/1.1"), 501),
    "a long address": (request(f"GET /{'a' * MAX_LINE_BYTES} HTTP/1.1"), 414),
    "an address of another host": (request("GET http://there/ HTTP/1.1"), 400),
    "an address with a user": (request("GET http://a@here/ HTTP/1.1"), 400),
    "an address of another kind": (request("GET ftp://here/ HTTP/1.1"), 400),
    "no address": (request("OPTIONS * HTTP/1.1"), 400),
    "a path that would be a host": (request("GET //there/a HTTP/1.1"), 400),
    "such a path in code": (request("GET /%2Fthere/a HTTP/1.1"), 400),
    "a fragment": (request("GET /#a HTTP/1.1"), 400),
    "NUL in the path": (request("GET /a%00b HTTP/1.1"), 400),
    "a line break in the path": (request("GET /a%0Ab HTTP/1.1"), 400),
    "a path that is no UTF-8": (request("GET /%ff HTTP/1.1"), 400),
    "an overlong slash": (request("GET /..%c0%af HTTP/1.1"), 400),
    "two line breaks that are none": ("GET / HTTP/1.1\nHost: here\n\n", 400),
    "no host": (request(fields=""), 400),
    "two hosts": (request(fields=HOST + HOST), 400),
    "two names as host": (request(fields="Host: here, there\r\n"), 400),
    "a path as host": (request(fields="Host: here/a\r\n"), 400),
    "a user in the host": (request(fields="Host: a@here\r\n"), 400),
    "two lengths": (request(fields=HOST + "Content-Length: 4\r\nContent-Length: 5\r\n"), 400),
    "one length twice": (request(fields=HOST + "Content-Length: 4\r\nContent-Length: 4\r\n"), 400),
    "two lengths in one": (request(fields=HOST + "Content-Length: 4, 4\r\n"), 400),
    "a length with a sign": (request(fields=HOST + "Content-Length: +4\r\n"), 400),
    "a negative length": (request(fields=HOST + "Content-Length: -4\r\n"), 400),
    "a length that Python takes for a number": (request(fields=HOST + "Content-Length: 4_0\r\n"), 400),
    "a superscript as length": (request(fields=HOST + "Content-Length: \xb2\r\n"), 400),
    "an empty length": (request(fields=HOST + "Content-Length:\r\n"), 400),
    "a length beyond all": (request(fields=HOST + f"Content-Length: {'9' * 5000}\r\n"), 400),
    "a space before the colon": (request(fields=HOST + "Content-Length : 4\r\n"), 400),
    "a length and chunks": (request(fields=HOST + "Content-Length: 4\r\nTransfer-Encoding: chunked\r\n"), 400),
    "chunks and a length": (request(fields=HOST + "Transfer-Encoding: chunked\r\nContent-Length: 4\r\n"), 400),
    "two codings": (request(fields=HOST + "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n"), 400),
    "chunks in HTTP/1.0": (request("POST / HTTP/1.0", HOST + "Transfer-Encoding: chunked\r\n"), 400),
    "chunks": (request("POST / HTTP/1.1", HOST + "Transfer-Encoding: Chunked\r\n"), 411),
    "an unknown coding": (request("POST / HTTP/1.1", HOST + "Transfer-Encoding: xchunked\r\n"), 501),
    "no coding": (request("POST / HTTP/1.1", HOST + "Transfer-Encoding: identity\r\n"), 501),
    "a folded line": (request(fields=HOST + " there\r\n"), 400),
    "a line that begins with a space": (request(fields=" " + HOST), 400),
    "a line that is no field": (request(fields=HOST + "no field\r\n"), 400),
    "a field without a name": (request(fields=HOST + ": no name\r\n"), 400),
    "NUL in a field": (request(fields=HOST + "X-Word: a\x00b\r\n"), 400),
    "CR in a field": (request(fields=HOST + "X-Word: a\rContent-Length: 4\r\n"), 400),
    "a name that is not ASCII": (request(fields=HOST + "X-W\xf6rd: a\r\n"), 400),
    "too many fields": (request(fields=HOST + "".join(f"X-{n}: a\r\n" for n in range(MAX_FIELDS))), 431),
    "too large a field": (request(fields=HOST + f"X-Long: {'a' * MAX_HEAD_BYTES}\r\n"), 431),
    "too large fields": (request(fields=HOST + "".join(f"X-{n}: {'a' * 1000}\r\n" for n in range(40))), 431),
    "a field without an end": (f"GET / HTTP/1.1\r\nX: {'a' * 2 * MAX_HEAD_BYTES}", 431),
}


@pytest.mark.parametrize(("text", "status"), REFUSED.values(), ids=REFUSED)
def test_it_is_refused_with_a_problem_and_the_connection_ends(connect, seen, text, status):
    head, _, body = connect().send(text + "GET /next HTTP/1.1\r\nHost: here\r\n\r\n").read().partition(b"\r\n\r\n")

    assert head.startswith(f"HTTP/1.1 {status} ".encode())
    assert b"\r\nContent-Type: application/problem+json\r\n" in head
    assert head.endswith(b"\r\nConnection: close")
    problem = json.loads(body)
    assert (problem["status"], problem["type"], problem["request_id"].encode() in head) == (status, "about:blank", True)
    assert problem["title"]
    assert problem["detail"].endswith(".")
    assert all(f"\r\n{name}: {value}\r\n".encode() in head for name, value in SAFE_HEADERS)
    assert seen == []


@pytest.mark.parametrize(
    "name", ["an unknown method", "two lengths", "chunks", "an address of another host", "a folded line"]
)
def test_a_refusal_has_the_id_that_the_proxy_gave_the_request(connect, caplog, name):
    caplog.set_level(logging.INFO)
    line, _, rest = REFUSED[name][0].partition("\r\n")

    answer = connect().send(f"{line}\r\nX-Request-ID: of-the-proxy\r\n{rest}").read()

    assert b"\r\nX-Request-ID: of-the-proxy\r\n" in answer
    assert json.loads(answer.partition(b"\r\n\r\n")[2])["request_id"] == "of-the-proxy"
    assert [record.fields["request_id"] for record in caplog.records if record.msg == "request"] == ["of-the-proxy"]


@pytest.mark.parametrize(
    "given",
    ["short", "a" * 65, "two words here", "a\tb\tc\td\te", "<script>alert", "first-id-1\r\nX-Request-ID: second-id"],
)
def test_a_refusal_does_not_repeat_an_id_that_is_not_well_formed(connect, given):
    answer = connect().send(request("BREW / HTTP/1.1", f"{HOST}X-Request-ID: {given}\r\n")).read()

    [found] = re.findall(rb"\r\nX-Request-ID: (.*)\r\n", answer)
    assert re.fullmatch(rb"[0-9a-f]{16}", found)


def test_refusals_are_counted(serve, echo, connect):
    counted = []
    server = serve(echo, count_refusal=counted.append)

    for text, _ in (REFUSED["two lengths"], REFUSED["chunks"], REFUSED["an unknown method"]):
        connect(server).send(text).read()

    assert counted == [400, 411, 501]


def test_a_head_at_the_limits_is_accepted(connect, seen):
    many = HOST + "".join(f"X-{n}: a\r\n" for n in range(MAX_FIELDS - 1))
    large = HOST + f"X: {'a' * (MAX_HEAD_BYTES - len(HOST) - 7)}\r\n"
    line = f"GET /{'a' * (MAX_LINE_BYTES - 16)} HTTP/1.1"

    for text in (request(fields=many), request(fields=large), request(line)):
        assert connect().send(text).answer().startswith(b"HTTP/1.1 200 ")


def test_a_head_that_breaks_off_is_no_request(connect, seen):
    client = connect().send("POST / HTTP/1.1\r\nHost: here\r\n")
    client.socket.shutdown(1)

    assert client.read() == b""
    assert seen == []
