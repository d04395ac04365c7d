"""gevent's handler of HTTP, without what costs most in it: its header parser is an e-mail parser, each line of a log
that nobody reads is formatted, and head and body of an answer go out one after the other.
"""

from __future__ import annotations

import json
import re
import socket
from typing import Any, BinaryIO

import gevent
from gevent.pywsgi import WSGIHandler

from web.watcher import Watcher

MAX_LINE = 65_536  # bytes
MAX_HEADERS = 100
LOST_MS = 60_000  # who takes nothing of an event stream for so long has gone, or never reads: it is closed
_JOINED = 65_536  # bytes: with a body up to this, head and body are sent as one

# RFC 9112, 5: no space before the colon, no folded line, no control character. Read as Latin-1, as WSGI has it.
_FIELD = re.compile(r"([!#$%&'*+.^_`|~0-9A-Za-z-]+):([^\x00-\x08\x0a-\x1f\x7f]*)\r?\n")


class Headers(dict[str, str]):
    """The header of a request, by name in lower case. What is no header, or ambiguous, raises ValueError: 400."""

    status = ""  # pywsgi's word for a fault in the header; here that is an exception

    def __init__(self, stream: BinaryIO):
        self.headers: list[str] = []  # pywsgi makes the environ out of these
        while (line := stream.readline(MAX_LINE).decode("latin-1")) not in ("\r\n", "\n"):
            field = _FIELD.fullmatch(line)
            if not field or len(self.headers) == MAX_HEADERS:
                raise ValueError(f"no header, or one too many: {line[:80]!r}")
            self.headers.append(line)
            self._keep(field[1].lower(), field[2].strip(" \t"))

    def _keep(self, name: str, value: str) -> None:
        if name == "content-length" and (name in self or not (value.isascii() and value.isdecimal())):
            raise ValueError("the length of the body is ambiguous")
        self.setdefault(name, value)

    @property
    def typeheader(self) -> str | None:
        return self.get("content-type")

    getheader = dict.get


def _refusal(status: str, title: str, detail: str) -> bytes:
    body = json.dumps({"type": "about:blank", "title": title, "status": int(status), "detail": detail}).encode()
    head = f"HTTP/1.1 {status} {title}\r\nContent-Type: application/problem+json\r\nContent-Length: {len(body)}"
    return f"{head}\r\nConnection: close\r\n\r\n".encode() + body


_REFUSALS = {  # what pywsgi answers with no body
    "400": _refusal(
        "400", "Bad Request", "This is no HTTP/1.1 request: a line of its header is malformed or ambiguous."
    ),
    "414": _refusal("414", "URI Too Long", "The address is too long: send what is long in the body."),
}


class Handler(WSGIHandler):
    result: Any

    def MessageClass(self, stream: BinaryIO, _: int) -> Headers:
        return Headers(stream)

    def handle_one_request(self) -> Any:
        """A request, then the others' turn: a quick client's next one may be there already, and would not wait."""
        answered = super().handle_one_request()
        gevent.sleep(0)
        return (answered[0], _REFUSALS[answered[0]]) if isinstance(answered, tuple) else answered

    def process_result(self) -> None:
        """The connection of an event stream is given away: no greenlet, no buffer and no request stay for it."""
        if not isinstance(self.result, Watcher):
            super().process_result()
            return
        self.request_version = "HTTP/1.0"  # no chunks: the stream ends with its connection
        self.close_connection = True
        self.response_headers.append((b"Connection", b"close"))
        self.write(b"")  # the headers
        if hasattr(socket, "TCP_USER_TIMEOUT"):
            self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, LOST_MS)
        connection = self.socket.dup()  # first: it fails when there are no more files, and the watcher has to be closed
        watcher, self.result = self.result, ()
        watcher.follow(connection)

    def log_request(self) -> None:
        """request_log has written it."""

    def _write_with_headers(self, data: bytes) -> None:
        """As pywsgi's. Two packets take two calls of the kernel here, and may take two of the client."""
        self.headers_sent = True
        self.finalize_headers()
        fields = b"".join(b"%b: %b\r\n" % field for field in self.response_headers)
        head = b"HTTP/1.1 %b\r\n%b\r\n" % (self.status, fields)
        if self.response_use_chunked or len(data) > _JOINED:
            self._sendall(head)
            self._write(data)
        else:
            self._sendall(head + data)
