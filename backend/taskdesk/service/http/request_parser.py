"""Parse the head of a request by RFC 9112, and refuse one that is malformed, ambiguous or too large.

Where two programs read one request in two ways, an attacker can smuggle a request past the first of them.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from http import HTTPStatus
from typing import BinaryIO
from urllib.parse import unquote_to_bytes

from taskdesk.service.errors import AppError

MAX_LINE_BYTES = 8192  # of the request line
MAX_FIELDS = 100
MAX_HEAD_BYTES = 32_768  # of all fields and the empty line after them
METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")  # no others: each is a label in the metrics

_REQUEST_LINE = re.compile(r"([!-~]+) ([!-~]+) HTTP/1\.([01])\r\n")
# No space before the colon, no folded line, no control character. Decoded as Latin-1, as WSGI demands.
_FIELD = re.compile(r"([!#$%&'*+.^_`|~0-9A-Za-z-]+):([^\x00-\x08\x0a-\x1f\x7f]*)\r\n")
_HOST = re.compile(r"(\[[0-9A-Fa-f:.]+\]|[!$&'()*+,;=.~%0-9A-Za-z_-]*)(:[0-9]*)?")
_ABSOLUTE = re.compile(r"https?://([^/?#]*)(.*)", re.IGNORECASE)
_LENGTH = re.compile(r"[0-9]{1,15}")
_CONTROLS = re.compile(rb"[\x00-\x1f\x7f]")
_KEYS = {"CONTENT_LENGTH": "CONTENT_LENGTH", "CONTENT_TYPE": "CONTENT_TYPE"}  # all others get the prefix HTTP_
_ONCE = {"HTTP_HOST": "Host", "HTTP_TRANSFER_ENCODING": "Transfer-Encoding", "CONTENT_LENGTH": "Content-Length"}

_TOO_LONG = (414, "The address is too long: send what is long in the body.")
_TOO_LARGE = (431, f"The head is too large: {MAX_FIELDS} fields of {MAX_HEAD_BYTES:,} bytes in all are allowed.")


class Refusal(AppError):
    """Refused: the server answers with `status` without reading the request to its end, and closes the connection."""

    def __init__(self, status: int, detail: str):
        self.status = status
        super().__init__(detail)

    @property
    def title(self) -> str:
        return HTTPStatus(self.status).phrase


def read_head(stream: BinaryIO, head: dict[str, str]) -> None:
    """Write the head of the next request into `head`, with the names of WSGI's environ (PEP 3333).

    Raises Refusal, and EOFError if the connection ends before a head is complete; `head` then has what came before.
    """
    method, target, minor = _request_line(stream)
    head |= {"REQUEST_METHOD": method, "SERVER_PROTOCOL": f"HTTP/1.{minor}"}
    for key, value in _fields(stream):
        if key not in head:
            head[key] = value
        elif key in _ONCE:
            raise Refusal(400, f"The request has the field {_ONCE[key]} twice.")
        else:
            head[key] += ("; " if key == "HTTP_COOKIE" else ",") + value
    if method not in METHODS:
        raise Refusal(501, f"The methods are {', '.join(METHODS)}.")
    _check_host(head)
    _check_framing(head)
    head["PATH_INFO"], head["QUERY_STRING"] = _split(target, head.get("HTTP_HOST", ""))


def _request_line(stream: BinaryIO) -> tuple[str, ...]:
    line = _line(stream, MAX_LINE_BYTES, _TOO_LONG)
    if line == "\r\n":  # some clients send an empty line after a body: RFC 9112, 2.2
        line = _line(stream, MAX_LINE_BYTES, _TOO_LONG)
    parts = _REQUEST_LINE.fullmatch(line)
    if not parts:
        raise Refusal(400, "This is no HTTP/1.1 request: its first line is malformed.")
    return parts.groups()


def _fields(stream: BinaryIO) -> Iterator[tuple[str, str]]:
    """Yield the key in the environ and the value of each field."""
    left = MAX_HEAD_BYTES
    for _ in range(MAX_FIELDS + 1):
        line = _line(stream, left, _TOO_LARGE)
        if line == "\r\n":
            return
        left -= len(line)
        field = _FIELD.fullmatch(line)
        if not field:
            raise Refusal(400, "A line of the head is not a header field.")
        name = field[1].upper()
        if "_" not in name:  # else X_A could pass for X-A
            key = name.replace("-", "_")
            yield _KEYS.get(key, f"HTTP_{key}"), field[2].strip(" \t")
    raise Refusal(*_TOO_LARGE)


def _line(stream: BinaryIO, limit: int, beyond: tuple[int, str]) -> str:
    line = stream.readline(limit + 1)
    if len(line) > limit:
        raise Refusal(*beyond)
    if not line.endswith(b"\n"):
        raise EOFError
    return line.decode("latin-1")


def _check_host(head: dict[str, str]) -> None:
    host = head.get("HTTP_HOST")
    if host is None and head["SERVER_PROTOCOL"] == "HTTP/1.0":
        return
    if host is None or not _HOST.fullmatch(host):
        raise Refusal(400, "The request has to name one host.")


def _check_framing(head: dict[str, str]) -> None:
    """Refuse a body whose length is in doubt. Chunks are refused too: their length is unknown before their end."""
    length, coding = head.get("CONTENT_LENGTH"), head.get("HTTP_TRANSFER_ENCODING")
    if coding is not None:
        if length is not None or head["SERVER_PROTOCOL"] == "HTTP/1.0":
            raise Refusal(400, "The end of the body is ambiguous.")
        if coding.lower() != "chunked":
            raise Refusal(501, "This transfer coding is not supported.")
        raise Refusal(411, "Send the body with a Content-Length, not in chunks.")
    if length is not None and not _LENGTH.fullmatch(length):
        raise Refusal(400, "The Content-Length is not a number.")


def _split(target: str, host: str) -> tuple[str, str]:
    """Return the decoded path and the query of a request's target."""
    if absolute := _ABSOLUTE.fullmatch(target):
        target = absolute[2] if absolute[2].startswith("/") else f"/{absolute[2]}"
        if absolute[1].lower() != host.lower():
            raise Refusal(400, "The address and the field Host name different hosts.")
    path, _, query = target.partition("?")
    if "%" in path:
        path = _decoded(path)
    if not path.startswith("/") or path.startswith("//") or "#" in target:  # a link to //a/b leads to the host a
        raise Refusal(400, "The address is not a path on this server.")
    return path, query


def _decoded(path: str) -> str:
    decoded = unquote_to_bytes(path)
    try:
        decoded.decode()
    except UnicodeDecodeError:
        raise Refusal(400, "The address is not UTF-8.") from None
    if _CONTROLS.search(decoded):
        raise Refusal(400, "The address contains control characters.")
    return decoded.decode("latin-1")
