"""A request to an address that a user has chosen reaches that host alone, and ends in time."""

from __future__ import annotations

import re
import socket
import ssl
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from ipaddress import ip_network
from pathlib import Path

import pytest

from taskdesk.service import outbound
from taskdesk.service.networks import address_of, is_allowed
from taskdesk.service.outbound import Answer, NotSent, Refused, fault_of_url, post, receiver_of, shown_url

HERE = [ip_network("127.0.0.0/8"), ip_network("::1/128")]
JSON = {"Content-Type": "application/json"}


@contextmanager
def listening(answer: Callable[[socket.socket], None], tls: ssl.SSLContext | None = None) -> Iterator[tuple[int, list]]:
    """A server that treats each connection by `answer`. Yield its port, and the requests that it has read."""
    requests: list[bytes] = []
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            while True:
                try:
                    connection, _ = server.accept()
                except OSError:
                    return
                threading.Thread(target=treat, args=[connection], daemon=True).start()

        def treat(connection: socket.socket) -> None:
            try:
                with tls.wrap_socket(connection, server_side=True) if tls else connection as stream:
                    requests.append(read_request(stream))
                    answer(stream)
            except OSError:
                pass

        threading.Thread(target=serve, daemon=True).start()
        yield server.getsockname()[1], requests
        server.shutdown(socket.SHUT_RDWR)


def read_request(stream: socket.socket) -> bytes:
    request = b""
    while b"\r\n\r\n" not in request:
        request += stream.recv(65536)
    length = int(re.search(rb"Content-Length: (\d+)", request)[1])
    while len(request.partition(b"\r\n\r\n")[2]) < length:
        request += stream.recv(65536)
    return request


def says(text: bytes) -> Callable[[socket.socket], None]:
    return lambda stream: stream.sendall(text)


def drips(first: bytes) -> Callable[[socket.socket], None]:
    def answer(stream: socket.socket) -> None:
        stream.sendall(first)
        while True:
            time.sleep(0.05)
            stream.sendall(b"x")

    return answer


@pytest.fixture
def short(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outbound, "TIMEOUT_SECONDS", 0.5)


def test_a_request_has_the_host_of_its_url_and_the_body():
    with listening(says(b"HTTP/1.1 204 No Content\r\n\r\n")) as (port, requests):
        answer = post(f"http://hook.test:{port}/a?b=1", b"{}", JSON, allowed=HERE, resolve=lambda *_: ["127.0.0.1"])

    assert answer.status == 204
    head, _, body = requests[0].partition(b"\r\n\r\n")
    assert head.startswith(b"POST /a?b=1 HTTP/1.1\r\n")
    assert f"Host: hook.test:{port}".encode() in head
    assert b"Content-Type: application/json" in head
    assert b"Accept-Encoding: identity" in head
    assert body == b"{}"


@pytest.mark.parametrize(
    ("url", "sentence"),
    [
        ("http://10.1.2.3/", "10.1.2.3 is not on the public internet."),
        ("http://hook.test/", "hook.test is 10.1.2.3, which is not on the public internet."),
    ],
)
def test_a_refused_address_is_named_once(url, sentence):
    with pytest.raises(Refused) as raised:
        post(url, b"", JSON, resolve=lambda *_: ["10.1.2.3"])

    assert str(raised.value).startswith(sentence)


@pytest.mark.parametrize(
    "address",
    [
        *("127.0.0.1", "10.1.2.3", "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1", "0.0.0.0"),
        *("224.0.0.1", "240.0.0.1", "255.255.255.255", "192.0.2.1", "198.18.0.1", "168.63.129.16", "100.100.100.200"),
        *("::1", "::", "fe80::1", "fc00::1", "fd00:ec2::254", "fec0::1", "ff02::1", "2001:db8::1", "::127.0.0.1"),
        *("::ffff:127.0.0.1", "::ffff:169.254.169.254", "64:ff9b::10.0.0.1", "64:ff9b::7f00:1", "64:ff9b:1::1.1.1.1"),
        *("2002:7f00:1::", "2002:0a00:1::1", "2002:808:808::1", "2001:0:1::1", "fe80::1%eth0", "100::1", "5f00::1"),
    ],
)
def test_an_address_that_is_not_public_is_refused(address):
    with pytest.raises(Refused, match="not on the public internet"):
        post("http://hook.test/", b"", JSON, resolve=lambda *_: [address])


@pytest.mark.parametrize(
    "address", ["1.1.1.1", "93.184.216.34", "2606:4700::1111", "64:ff9b::1.1.1.1", "::ffff:8.8.8.8"]
)
def test_an_address_of_the_internet_is_allowed(address):
    assert is_allowed(address_of(address), [])


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "[::1]", "[::ffff:127.0.0.1]", "localhost", "2130706433", "0x7f.1", "127.1"]
)
def test_no_way_of_writing_this_machine_reaches_it(host):
    with listening(says(b"HTTP/1.1 200 OK\r\n\r\n")) as (port, requests), pytest.raises(NotSent):
        post(f"http://{host}:{port}/", b"", JSON)

    assert requests == []


def test_an_allowed_network_is_reached():
    with listening(says(b"HTTP/1.1 200 OK\r\n\r\n")) as (port, _):
        assert post(f"http://127.0.0.1:{port}/", b"", JSON, allowed=HERE).status == 200


def test_a_name_is_resolved_once_so_its_address_can_not_change_after_the_check():
    answers = iter([["127.0.0.2"], ["127.0.0.1"]])
    at_127_0_0_1 = listening(says(b"HTTP/1.1 200 OK\r\n\r\n"))
    with at_127_0_0_1 as (port, requests), pytest.raises(NotSent, match="connection failed"):
        post(f"http://rebind.test:{port}/", b"", JSON, allowed=HERE, resolve=lambda *_: next(answers))

    assert requests == []
    assert next(answers) == ["127.0.0.1"]


def test_of_several_addresses_only_allowed_ones_are_tried():
    with listening(says(b"HTTP/1.1 200 OK\r\n\r\n")) as (port, _):
        addresses = ["10.0.0.1", "127.0.0.1"]
        answer = post(f"http://hook.test:{port}/", b"", JSON, allowed=HERE, resolve=lambda *_: addresses)

    assert answer.status == 200


def test_the_next_address_is_tried_if_the_first_refuses_the_connection():
    with listening(says(b"HTTP/1.1 200 OK\r\n\r\n")) as (port, _):
        addresses = ["127.0.0.9", "127.0.0.1"]
        answer = post(f"http://hook.test:{port}/", b"", JSON, allowed=HERE, resolve=lambda *_: addresses)

    assert answer.status == 200


def test_a_redirect_is_not_followed():
    with listening(says(b"HTTP/1.1 200 OK\r\n\r\n")) as (target, reached):
        redirect = f"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:{target}/\r\nContent-Length: 0\r\n\r\n"
        with listening(says(redirect.encode())) as (port, _):
            assert post(f"http://127.0.0.1:{port}/", b"", JSON, allowed=HERE).status == 302

    assert reached == []


def test_proxies_of_the_environment_are_not_used(monkeypatch):
    with listening(says(b"HTTP/1.1 502 Bad\r\n\r\n")) as (proxy, asked):
        for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "https_proxy"):
            monkeypatch.setenv(name, f"http://127.0.0.1:{proxy}")
        with listening(says(b"HTTP/1.1 200 OK\r\n\r\n")) as (port, _):
            assert post(f"http://127.0.0.1:{port}/", b"", JSON, allowed=HERE).status == 200

    assert asked == []


@pytest.mark.parametrize("first", [b"", b"HTTP/1.1 ", b"HTTP/1.1 200 OK\r\nX: "])
def test_an_answer_that_drips_ends_in_time(short, first):
    with listening(drips(first)) as (port, _):
        began = time.monotonic()
        with pytest.raises(NotSent, match="within"):
            post(f"http://127.0.0.1:{port}/", b"", JSON, allowed=HERE)

    assert time.monotonic() - began < 3


def test_an_error_with_a_body_that_drips_counts_when_its_head_is_there(short):
    with listening(drips(b"HTTP/1.1 500 No\r\nContent-Length: 1000\r\n\r\n")) as (port, _):
        assert post(f"http://127.0.0.1:{port}/", b"", JSON, allowed=HERE).status == 500


def test_the_body_of_an_answer_is_read_up_to_a_limit():
    sent = []

    def endless(stream: socket.socket) -> None:
        stream.sendall(b"HTTP/1.1 500 No\r\nContent-Length: 10000000000\r\nContent-Encoding: gzip\r\n\r\n")
        while True:
            sent.append(stream.send(b"a\r\x1b" * 10_000))

    with listening(endless) as (port, _):
        answer = post(f"http://127.0.0.1:{port}/", b"", JSON, allowed=HERE)

    assert answer.excerpt.startswith("a  a  a")
    assert len(answer.excerpt) <= outbound.EXCERPT_BYTES
    assert sum(sent) < 50_000_000


def test_dns_without_an_answer_ends_in_time(short):
    hangs = threading.Event()
    with pytest.raises(NotSent, match="DNS did not answer"):
        post("http://hook.test/", b"", JSON, resolve=lambda *_: hangs.wait() and [])
    hangs.set()


@pytest.mark.parametrize(
    "answer", [b"", b"SSH-2.0-x\r\n", b"HTTP/1.1 abc\r\n\r\n", b"HTTP/1.1 200 OK\r\n" + b"a: b\r\n" * 200]
)
def test_an_answer_that_is_no_http_is_an_error_with_a_sentence(answer):
    with listening(says(answer)) as (port, _), pytest.raises(NotSent, match=r"no HTTP|connection failed"):
        post(f"http://127.0.0.1:{port}/", b"", JSON, allowed=HERE)


@pytest.fixture(scope="module")
def certificate(tmp_path_factory) -> Path:
    file = tmp_path_factory.mktemp("tls") / "both.pem"
    subprocess.run(
        [
            *("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=hook.test"),
            *("-addext", "subjectAltName=DNS:hook.test", "-keyout", file.with_name("key.pem"), "-out", file),
        ],
        check=True,
        capture_output=True,
    )
    return file


def test_tls_names_the_host_of_the_url_and_checks_its_certificate(certificate, monkeypatch):
    names: list[str] = []
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, certificate.with_name("key.pem"))
    context.sni_callback = lambda _, name, __: names.append(name)
    trusting = ssl.create_default_context(cafile=str(certificate))
    monkeypatch.setattr(outbound, "_tls", lambda: trusting)
    with listening(says(b"HTTP/1.1 200 OK\r\n\r\n"), context) as (port, _):
        to_it = {"allowed": HERE, "resolve": lambda *_: ["127.0.0.1"]}
        assert post(f"https://hook.test:{port}/", b"", JSON, **to_it).status == 200
        with pytest.raises(NotSent, match="TLS failed"):
            post(f"https://other.test:{port}/", b"", JSON, **to_it)

    assert names == ["hook.test", "other.test"]


@pytest.mark.parametrize(
    "url",
    [
        *(None, 7, "", "hook.test", "//hook.test/", "ftp://hook.test/", "file:///etc/passwd", "javascript:alert(1)"),
        *("http://", "http:///path", "https://ann:pw@hook.test/", "https://ann@hook.test/", "http://hook.test:0/"),
        *(
            "http://hook.test:99999/",
            "http://hook.test:x/",
            "http://[::1/",
            "http://a\nb.test/",
            "http://hook.test/\x00",
        ),
        *("http://hook.test/a b", "http://hook.test\\@evil.test/", "http://höök.test/", "http://[fe80::1%25eth0]/"),
        *("https://hook.test/" + "a" * 2000, "http://a..b/", "http://" + "a" * 64 + ".test/", "gopher://hook.test:70/"),
    ],
)
def test_a_url_that_can_never_be_right_has_a_fault(url):
    assert fault_of_url(url)
    with pytest.raises(Refused):
        post(url, b"", JSON)


@pytest.mark.parametrize(
    "url", ["https://hook.test", "http://hook.test:8080/a?b=c", "https://[2606:4700::1]/x", "http://a.b./"]
)
def test_a_right_url_has_no_fault(url):
    assert fault_of_url(url) == ""


def test_a_url_is_shown_without_its_query():
    assert shown_url("https://hook.test/a?token=x#y") == "https://hook.test/a?…"
    assert shown_url("https://hook.test/a") == "https://hook.test/a"


def test_urls_of_one_server_have_one_receiver():
    assert receiver_of("https://Hook.test/a?b") == receiver_of("https://hook.test:443/") == "https://hook.test:443"
    assert receiver_of("http://[::1]:8080/") == "http://[::1]:8080"


def test_an_answer_has_the_seconds_that_it_took():
    with listening(says(b"HTTP/1.1 200 OK\r\n\r\n")) as (port, _):
        answer = post(f"http://127.0.0.1:{port}/", b"", JSON, allowed=HERE)

    assert answer == Answer(200, answer.seconds, "")
    assert 0 < answer.seconds < 5
