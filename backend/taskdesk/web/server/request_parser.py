"""The head of a request, read as RFC 9112 has it: what is malformed, ambiguous or too large is refused.

Two programs that read one request in two ways are how a request is smuggled past the first of them.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from http import HTTPStatus
from typing import BinaryIO
from urllib.parse import unquote_to_bytes

from taskdesk.service.errors import AppError

MAX_LINE_BYTES = 8192  # bytes of the request line
MAX_FIELDS = 100
MAX_HEAD_BYTES = 32_768  # bytes of all fields, and of the empty line after them
METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")  # no others: they are labels of metrics

_REQUEST_LINE = re.compile(r"([!-~]+) ([!-~]+) HTTP/1\.([01])\r\n")
# No space before the colon, no folded line, no control character. Read as Latin-1, as WSGI has it.
_FIELD = re.compile(r"([!#$%&'*+.^_`|~0-9A-Za-z-]+):([^\x00-\x08\x0a-\x1f\x7f]*)\r\n")
_HOST = re.compile(r"(\[[0-9A-Fa-f:.]+\]|[!$&'()*+,;=.~%0-9A-Za-z_-]*)(:[0-9]*)?")
_ABSOLUTE = re.compile(r"https?://([^/?#]*)(.*)", re.IGNORECASE)
_LENGTH = re.compile(r"[0-9]{1,15}")
_CONTROLS = re.compile(rb"[\x00-\x1f\x7f]")
_KEYS = {"CONTENT_LENGTH": "CONTENT_LENGTH", "CONTENT_TYPE": "CONTENT_TYPE"}  # the others begin with HTTP_
_ONCE = {"HTTP_HOST": "Host", "HTTP_TRANSFER_ENCODING": "Transfer-Encoding", "CONTENT_LENGTH": "Content-Length"}

_TOO_LONG = (414, "The address is too long: send what is long in the body.")
_TOO_LARGE = (431, f"The head is too large: {MAX_FIELDS} fields of {MAX_HEAD_BYTES:,} bytes in all are allowed.")


class Refusal(AppError):
    """A request that is not read to its end: it is answered with `status`, and its connection is closed."""

    def __init__(self, status: int, detail: str):
        self.status = status
        super().__init__(detail)

    @property
    def title(self) -> str:
        return HTTPStatus(self.status).phrase


def read_head(stream: BinaryIO) -> dict[str, str]:
    """The head of the next request, its parts named as in the environ of WSGI (PEP 3333).

    Raises Refusal; EOFError if no further request comes, or not all of its head.
    """
    method, target, minor = _request_line(stream)
    head = {"REQUEST_METHOD": method, "SERVER_PROTOCOL": f"HTTP/1.{minor}"}
    for key, value in _fields(stream):
        if key not in head:
            head[key] = value
        elif key in _ONCE:
            raise Refusal(400, f"The request has two fields {_ONCE[key]}.")
        else:
            head[key] += ("; " if key == "HTTP_COOKIE" else ",") + value
    _check_host(head)
    _check_framing(head)
    head["PATH_INFO"], head["QUERY_STRING"] = _split(target, head.get("HTTP_HOST", ""))
    return head


def _request_line(stream: BinaryIO) -> tuple[str, ...]:
    line = _line(stream, MAX_LINE_BYTES, _TOO_LONG)
    if line == "\r\n":  # some clients end a body with one more: RFC 9112, 2.2
        line = _line(stream, MAX_LINE_BYTES, _TOO_LONG)
    parts = _REQUEST_LINE.fullmatch(line)
    if not parts:
        raise Refusal(400, "This is no request of HTTP/1.1: its first line is malformed.")
    if parts[1] not in METHODS:
        raise Refusal(501, f"No method but {', '.join(METHODS)} is known here.")
    return parts.groups()


def _fields(stream: BinaryIO) -> Iterator[tuple[str, str]]:
    """Key in the environ, and value, of each field."""
    left = MAX_HEAD_BYTES
    for _ in range(MAX_FIELDS + 1):
        line = _line(stream, left, _TOO_LARGE)
        if line == "\r\n":
            return
        left -= len(line)
        field = _FIELD.fullmatch(line)
        if not field:
            raise Refusal(400, "A line of the head is no header field.")
        name = field[1].upper()
        if "_" not in name:  # else X_A would be taken for X-A
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
    """How long the body is must be beyond doubt. In chunks it would not be known before its end."""
    length, coding = head.get("CONTENT_LENGTH"), head.get("HTTP_TRANSFER_ENCODING")
    if coding is not None:
        if length is not None or head["SERVER_PROTOCOL"] == "HTTP/1.0":
            raise Refusal(400, "Where the body ends is ambiguous.")
        if coding.lower() != "chunked":
            raise Refusal(501, "No transfer coding is known here.")
        raise Refusal(411, "Send the body with a Content-Length, not in chunks.")
    if length is not None and not _LENGTH.fullmatch(length):
        raise Refusal(400, "The Content-Length is no number.")


def _split(target: str, host: str) -> tuple[str, str]:
    """Path and query of a request's target, the path decoded."""
    if absolute := _ABSOLUTE.fullmatch(target):
        target = absolute[2] if absolute[2].startswith("/") else f"/{absolute[2]}"
        if absolute[1].lower() != host.lower():
            raise Refusal(400, "The address and the field Host name two hosts.")
    path, _, query = target.partition("?")
    if "%" in path:
        path = _decoded(path)
    if not path.startswith("/") or path.startswith("//") or "#" in target:  # a link to //a/b would lead to the host a
        raise Refusal(400, "The address is none of a resource here.")
    return path, query


def _decoded(path: str) -> str:
    decoded = unquote_to_bytes(path)
    try:
        decoded.decode()
    except UnicodeDecodeError:
        raise Refusal(400, "The address is no UTF-8.") from None
    if _CONTROLS.search(decoded):
        raise Refusal(400, "The address has control characters.")
    return decoded.decode("latin-1")
