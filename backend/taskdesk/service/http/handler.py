"""gevent's HTTP handler, with a strict request parser, time limits, and a shutdown that loses no answer.

It also replaces the slowest parts of gevent's: a header parser made for e-mail, an access log that nobody reads, and
two packets for an answer's head and body.
"""

from __future__ import annotations

import errno
import io
import json
import logging
import socket
from contextlib import suppress
from typing import Any

import gevent
from gevent.pywsgi import WSGIHandler

from taskdesk.service.errors import RETRY_AFTER_SECONDS
from taskdesk.service.http.connection import Connection
from taskdesk.service.http.request_body import RequestBody
from taskdesk.service.http.request_log import log_request, request_id_of
from taskdesk.service.http.request_parser import Refusal, read_head
from taskdesk.service.http.safe_headers import SAFE_HEADERS
from taskdesk.service.http.stream import Stream

# Close an event stream whose client has acknowledged nothing for a minute.
STREAM_ACK_TIMEOUT_MS = 60_000
_MAX_JOINED_BYTES = 65_536  # a body up to this size is sent together with its head

log = logging.getLogger("http")


class Handler(WSGIHandler):  # type: ignore[misc]  # gevent has no types
    result: Any
    response_headers: list[tuple[bytes, bytes]]
    provided_content_length: str | None
    ignored_socket_errors = (*WSGIHandler.ignored_socket_errors, errno.ETIMEDOUT)

    def __init__(self, sock: Any, address: Any, server: Any):
        self.connection = Connection(sock)
        self._head: dict[str, str] = {}  # of the request under way, as far as it was read
        self._body_left: int | None = None  # bytes that the answer still has to have
        self._loses_answer = False  # closing the connection at once would be a reset
        super().__init__(sock, address, server, io.BufferedReader(self.connection))

    def handle(self) -> None:
        """Handle request after request. Other connections get a turn in between, also if the next request is there."""
        while self.handle_one_request():
            gevent.sleep(0)
        if self._loses_answer:
            self.connection.linger()

    def handle_one_request(self) -> bool:
        """Return True if the connection can take another request."""
        self.connection.await_request()
        self._head = {}
        try:
            read_head(self.rfile, self._head)
        except Refusal as refusal:
            self.refuse(refusal)
            return False
        except (EOFError, OSError):
            if self.connection.has_expired and not self.connection.is_idle:
                self.refuse(Refusal(408, "The head of the request arrived too slowly."))
            return False
        self.connection.await_nothing()
        self._take(self._head)
        self.handle_one_response()
        return not self.close_connection and not self.wsgi_input.left

    def refuse(self, refusal: Refusal) -> None:
        """Answer a request that can't reach the application with a problem document, and close the connection."""
        request_id = request_id_of(self._head.get("HTTP_X_REQUEST_ID", ""))
        seconds = RETRY_AFTER_SECONDS.get(refusal.status)
        problem = {"type": "about:blank", "title": refusal.title, "status": refusal.status, "detail": str(refusal)}
        body = json.dumps({**problem, "request_id": request_id}).encode()
        fields = {
            "Content-Type": "application/problem+json",
            "Content-Length": len(body),
            "X-Request-ID": request_id,
            **({"Retry-After": seconds} if seconds else {}),
            **dict(SAFE_HEADERS),
            "Connection": "close",
        }
        head = "".join(f"{name}: {value}\r\n" for name, value in fields.items())
        with suppress(OSError):
            self.connection.send(f"HTTP/1.1 {refusal.status} {refusal.title}\r\n{head}\r\n".encode() + body)
        log_request("-", "-", refusal.status, 0, self._client, request_id)
        self.server.count_refusal(refusal.status)
        self.connection.linger()

    @property
    def _client(self) -> str:
        return str(self.client_address[0])

    def _take(self, head: dict[str, str]) -> None:
        self.application = self.server.application
        self.request_version = head["SERVER_PROTOCOL"]
        options = [option.strip() for option in head.get("HTTP_CONNECTION", "").lower().split(",")]
        stays = self.request_version == "HTTP/1.1" or "keep-alive" in options
        self.close_connection = not stays or "close" in options
        expected = head.get("HTTP_EXPECT", "").lower() == "100-continue"
        self.wsgi_input = RequestBody(self.rfile, int(head.get("CONTENT_LENGTH", 0)), self.connection, expected)
        self.environ = {
            **self.server.environ,
            **head,
            "REMOTE_ADDR": self._client,
            "REMOTE_PORT": str(self.client_address[1]),
            "wsgi.input": self.wsgi_input,
            "wsgi.input_terminated": True,
        }

    def start_response(self, status: str, headers: list[tuple[str, str]], exc_info: Any = None) -> Any:
        """As pywsgi's. Close the connection after this answer if the unread body is too large to skip."""
        self._loses_answer = not self.wsgi_input.is_skippable
        self.close_connection |= self._loses_answer or self.server.is_stopping
        write = super().start_response(status, headers, exc_info)
        self._body_left = self._declared_length()
        if self.close_connection and (b"Connection", b"close") not in self.response_headers:
            self.response_headers.append((b"Connection", b"close"))
        return write

    def process_result(self) -> None:
        if isinstance(self.result, Stream):
            self._hand_over(self.result)
            return
        super().process_result()
        if self._body_left:
            log.error("the body of %s is %s bytes shorter than declared", self.environ["PATH_INFO"], self._body_left)
            self.close_connection = True  # else the client would take the next answer for the rest of this one

    def _declared_length(self) -> int | None:
        """Return how long the body has to be; None if the answer does not say so."""
        if self.environ["REQUEST_METHOD"] == "HEAD" or self.code in (204, 304):
            return 0
        return int(self.provided_content_length) if self.provided_content_length else None

    def _fitting(self, data: bytes) -> bytes:
        """Return what of these bytes belongs to the body, so that none can pass for the beginning of another answer."""
        if self._body_left is None:
            return data
        if len(data) > self._body_left:
            if self.environ["REQUEST_METHOD"] != "HEAD":  # there, an application may leave the body to the server
                log.error("the body of %s is longer than declared, and is cut", self.environ["PATH_INFO"])
                self.close_connection = True
            data = data[: self._body_left]
        self._body_left -= len(data)
        return data

    def _hand_over(self, stream: Stream) -> None:
        """Give the connection to the event stream: no greenlet, buffer or request is kept for it."""
        self.request_version = "HTTP/1.0"  # no chunks: the end of the connection ends the stream
        self.response_headers = [field for field in self.response_headers if field[0] != b"Connection"]
        self.response_headers.append((b"Connection", b"close"))
        self.close_connection, self._loses_answer = True, False
        self.write(b"")  # the headers
        if hasattr(socket, "TCP_USER_TIMEOUT"):
            self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, STREAM_ACK_TIMEOUT_MS)
        connection = self.socket.dup()  # if this fails, for lack of files, pywsgi still closes `result`
        self.result = ()
        stream.follow(connection)
        if self.server.is_stopping:
            stream.close()

    def log_request(self) -> None:
        """Do nothing: the application has logged the request."""

    def write(self, data: bytes) -> None:
        super().write(self._fitting(data))

    def _sendall(self, data: bytes) -> None:
        self.connection.send(data)
        self.response_length += len(data)

    def _write_with_headers(self, data: bytes) -> None:
        """As pywsgi's, but send head and body in one packet: that saves a system call here, and often another there."""
        self.headers_sent = True
        if self.environ["REQUEST_METHOD"] == "HEAD" and self.provided_content_length is None:
            self.provided_content_length = ""  # unknown: pywsgi must neither count the body nor send chunks
        self.finalize_headers()
        fields = b"".join(b"%b: %b\r\n" % field for field in self.response_headers)
        head = b"HTTP/1.1 %b\r\n%b\r\n" % (self.status, fields)
        if self.response_use_chunked or len(data) > _MAX_JOINED_BYTES:
            self._sendall(head)
            self._write(data)
        else:
            self._sendall(head + data)
