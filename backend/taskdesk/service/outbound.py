"""Send an HTTP request to an address that a user has chosen, and reach nothing else by it (SSRF).

`post` is all that a caller needs; `fault_of_url` tells at the door that an address can never be right. The host is
resolved once, its address is checked, and the connection goes to exactly that address: an answer of DNS that changes
between check and use changes nothing. Redirects are not followed, proxies of the environment are not used, and the
whole exchange ends after TIMEOUT_SECONDS, however slowly the other side sends.
"""

from __future__ import annotations

import io
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from functools import cache
from http.client import HTTPConnection, HTTPException, HTTPResponse
from typing import Any, NamedTuple, Protocol, TypeVar
from urllib.parse import SplitResult, urlsplit

from taskdesk.service.networks import Address, Network, address_of, is_allowed

TIMEOUT_SECONDS = 5.0  # for DNS, connection, TLS, request and answer together
MAX_URL = 2_000  # characters
MAX_ADDRESSES = 3  # of a host that are tried
EXCERPT_BYTES = 300  # of the answer's body that are read
_DEFAULT_PORTS = {"http": 80, "https": 443}

Resolve = Callable[[str, int], Sequence[str]]  # (host, port) → IP addresses; raises OSError


class NotSent(Exception):
    """The request got no answer. The text says why, in a sentence without the path of the address."""


class Refused(NotSent):
    """The request was not sent: the address is wrong, or its host is in a network that is not allowed."""


class Answer(NamedTuple):
    """The status of the answer, the seconds that the exchange took, and the first printable text of an error's body."""

    status: int
    seconds: float
    excerpt: str


class _Stream(Protocol):
    def settimeout(self, seconds: float | None, /) -> None: ...
    def recv_into(self, buffer: Any, /) -> int: ...
    def sendall(self, data: Any, /) -> None: ...
    def close(self) -> None: ...


_Connection = TypeVar("_Connection")


def fault_of_url(url: object) -> str:
    """Return a sentence if no request can be sent to this URL; empty if it may be right. DNS is not asked."""
    if not isinstance(url, str) or not url.isascii() or not url.isprintable() or " " in url or "\\" in url:
        return "Must be a URL in ASCII, without blanks. Write a host with other letters as xn--…"
    if len(url) > MAX_URL:
        return f"This has {len(url):,} characters. A URL may have {MAX_URL:,}."
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        return "This is no URL: its host or its port is wrong."
    if parts.scheme not in _DEFAULT_PORTS:
        return "Must begin with https:// or http://."
    if "@" in parts.netloc:
        return "A URL must have no user and no password: logs and pages would show them."
    if not host or "%" in host or len(host) > 253 or any(not label or len(label) > 63 for label in _labels(host)):
        return "This URL has no host, or one that can't be right."
    return "Port 0 can't be reached." if port == 0 else ""


def shown_url(url: str) -> str:
    """Return the URL as logs and pages show it: without its query, which may have a secret."""
    return url.partition("?")[0].partition("#")[0] + ("?…" if "?" in url else "")


def receiver_of(url: str) -> str:
    """Return scheme, host and port of a right URL: what fails together when a server is down."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{_in_url(parts.hostname or '')}:{_port(parts)}"


def ask_dns(host: str, port: int) -> list[str]:
    """Return the addresses of a host. Raises OSError."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(address[0]) for *_, address in found))


def post(
    url: str,
    body: bytes,
    headers: Mapping[str, str],
    *,
    allowed: Sequence[Network] = (),
    resolve: Resolve = ask_dns,
) -> Answer:
    """Send a POST and return the answer, whatever its status. Never raises anything but NotSent.

    `headers` have to have a Content-Type. `allowed`: private networks that may be reached all the same.
    It blocks for TIMEOUT_SECONDS at most, so call it in a thread that has nothing else to do.
    """
    if fault := fault_of_url(url):
        raise Refused(fault)
    began, parts = time.monotonic(), urlsplit(url)
    deadline = began + TIMEOUT_SECONDS
    try:
        addresses = addresses_of(parts.hostname or "", _port(parts), deadline, allowed=allowed, resolve=resolve)
        stream = connect(addresses, deadline, lambda plain: _with_tls(parts, plain))
        try:
            status, excerpt = _exchange(stream, parts, body, headers, deadline)
        finally:
            stream.close()
    except TimeoutError:
        raise NotSent(f"No complete answer came within {TIMEOUT_SECONDS:g} s.") from None
    except ssl.SSLError as error:
        raise NotSent(f"TLS failed: {getattr(error, 'verify_message', '') or error.reason or error}") from None
    except OSError as error:
        raise NotSent(f"The connection failed: {error.strerror or error}") from None
    except (HTTPException, ValueError) as error:
        raise NotSent(f"The answer is no HTTP: {type(error).__name__}") from None
    return Answer(status, time.monotonic() - began, excerpt)


# From the name to a connection


def addresses_of(
    host: str, port: int, deadline: float, *, allowed: Sequence[Network], resolve: Resolve = ask_dns
) -> Sequence[tuple[Address, int]]:
    """Return the addresses of the host that may be reached. Raises Refused if there is none, NotSent, TimeoutError.

    `deadline`: monotonic. DNS gets no more time than that.
    """
    literal = address_of(host)
    found = [literal] if literal else list(map(address_of, _resolved(host, port, resolve, deadline)))
    right = [address for address in found if address and is_allowed(address, allowed)]
    if found and not right:
        named = host if literal else f"{host} is {found[0]}, which"
        raise Refused(f"{named} is not on the public internet. To allow it, name its network in WEBHOOK_NETWORKS.")
    if not right:
        raise NotSent(f"DNS knows no address of {host}.")
    return [(address, port) for address in right[:MAX_ADDRESSES]]


def _resolved(host: str, port: int, resolve: Resolve, deadline: float) -> Sequence[str]:
    """Ask DNS in a thread of its own: nothing else ends a question that gets no answer."""
    answer: list[Sequence[str]] = []

    def ask() -> None:
        with suppress(OSError, UnicodeError):
            answer.append(resolve(host, port))

    thread = threading.Thread(target=ask, daemon=True)
    thread.start()
    thread.join(_left(deadline))
    if thread.is_alive():
        raise NotSent(f"DNS did not answer the question for {host}.")
    return answer[0] if answer else ()


def connect(
    addresses: Sequence[tuple[Address, int]], deadline: float, start: Callable[[socket.socket], _Connection]
) -> _Connection:
    """Connect to the first address that accepts, and return what `start` makes of the connection. Raises OSError.

    Each address has its share of the time that is left.
    """
    for number, (address, port) in enumerate(addresses):
        stream = socket.socket(socket.AF_INET6 if address.version == 6 else socket.AF_INET, socket.SOCK_STREAM)
        try:
            stream.settimeout(_left(deadline) / (len(addresses) - number))
            stream.connect((str(address), port))
            stream.settimeout(_left(deadline))
            return start(stream)
        except ssl.SSLError:
            stream.close()
            raise
        except OSError:
            stream.close()
            if number == len(addresses) - 1:
                raise
    raise OSError("no address")


def _with_tls(parts: SplitResult, plain: socket.socket) -> _Stream:
    return plain if parts.scheme == "http" else _tls().wrap_socket(plain, server_hostname=parts.hostname)


@cache
def _tls() -> ssl.SSLContext:
    return ssl.create_default_context()


# The exchange


class _Bounded(io.RawIOBase):
    """The socket as http.client needs it. Each read may take only what is left of the time of the whole exchange."""

    def __init__(self, stream: _Stream, deadline: float):
        self._stream, self._deadline = stream, deadline

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        self._stream.settimeout(_left(self._deadline))
        return self._stream.recv_into(buffer)

    def sendall(self, data: Any) -> None:
        self._stream.settimeout(_left(self._deadline))
        self._stream.sendall(data)

    def makefile(self, mode: str) -> io.BufferedReader:
        return io.BufferedReader(_Bounded(self._stream, self._deadline))  # http.client closes this object, and reads on


def _exchange(
    stream: _Stream, parts: SplitResult, body: bytes, headers: Mapping[str, str], deadline: float
) -> tuple[int, str]:
    connection = HTTPConnection(parts.hostname or "", _port(parts))
    connection.default_port = _DEFAULT_PORTS[parts.scheme]
    connection.sock = _Bounded(stream, deadline)  # all that http.client uses of a socket
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    connection.request("POST", target, body, {**headers, "Connection": "close"})
    answer = connection.getresponse()
    return answer.status, "" if answer.status < 300 else _excerpt(answer)


def _excerpt(answer: HTTPResponse) -> str:
    """Return the beginning of the body, as it comes: never decompressed. It is worth no wait: none if it is slow."""
    text = b""
    with suppress(OSError, HTTPException, ValueError):
        text = answer.read(EXCERPT_BYTES)
    return "".join(one if one.isprintable() else " " for one in text.decode(errors="replace")).strip()


def _left(deadline: float) -> float:
    left = deadline - time.monotonic()
    if left <= 0:
        raise TimeoutError
    return left


def _port(parts: SplitResult) -> int:
    return parts.port or _DEFAULT_PORTS[parts.scheme]


def _labels(host: str) -> Iterator[str]:
    return iter(() if address_of(host) else host.removesuffix(".").split("."))


def _in_url(host: str) -> str:
    return f"[{host}]" if ":" in host else host
