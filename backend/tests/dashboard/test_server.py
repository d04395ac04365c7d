"""rq-dashboard is served as the web is: strict about heads, and with limits for logins."""

from __future__ import annotations

import base64
import json
import re
import socket
import sys
import urllib.error
import urllib.request

import pytest

from taskdesk.service.http.connection import HEAD_SECONDS
from taskdesk.service.http.request_parser import MAX_HEAD_BYTES
from tests.conftest import Stack, wait_until

GET = "GET /healthz HTTP/1.1\r\nHost: localhost\r\n"
PASSWORD = "twelve-bytes-or-more"


def exchange(dashboard: Stack, text: str) -> tuple[int, dict[str, str], str]:
    """Send raw text; return the status, the fields and the body of the answer. The server has to close."""
    with socket.create_connection(("127.0.0.1", dashboard.port), timeout=60) as connection:
        connection.sendall(text.encode("latin-1"))
        answer = b"".join(iter(lambda: connection.recv(65536), b"")).decode()
    head, _, body = answer.partition("\r\n\r\n")
    status, *fields = head.split("\r\n")
    return int(status.split()[1]), dict(field.split(": ", 1) for field in fields), body


REFUSED = {
    "two lengths": (f"{GET}Content-Length: 4\r\nContent-Length: 5\r\n\r\n", 400),
    "a length and chunks": (f"{GET}Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n", 400),
    "two hosts": (f"{GET}Host: there\r\n\r\n", 400),
    "a head that never ends": (GET + "X-Word: a\r\n" * 5000, 431),
    "a field that never ends": (f"{GET}X-Long: {'a' * 2 * MAX_HEAD_BYTES}", 431),
    "an address that never ends": (f"GET /{'a' * MAX_HEAD_BYTES}", 414),
    "chunks": (f"{GET}Transfer-Encoding: chunked\r\n\r\n", 411),
}


@pytest.mark.parametrize(("text", "expected"), REFUSED.values(), ids=REFUSED)
def test_a_doubtful_or_endless_head_is_refused_with_a_problem(dashboard, text, expected):
    status, fields, body = exchange(dashboard, text)

    assert (status, fields["Content-Type"], fields["Connection"]) == (expected, "application/problem+json", "close")
    assert json.loads(body)["request_id"] == fields["X-Request-ID"]
    assert fields["X-Content-Type-Options"] == "nosniff"


@pytest.mark.slow
def test_a_head_that_comes_too_slowly_is_cut_off(dashboard):
    assert HEAD_SECONDS <= 10
    assert exchange(dashboard, GET)[0] == 408


def test_a_well_formed_request_id_is_kept_and_another_is_replaced(dashboard):
    def id_of(given: str) -> str:
        request = f"{GET}X-Request-ID: {given}\r\nConnection: close\r\n\r\n"
        return exchange(dashboard, request)[1]["X-Request-ID"]

    assert id_of("abcdef-0123.x_Y") == "abcdef-0123.x_Y"
    for given in ("short", "a" * 65, "with blank in it", '"quoted-quoted"', "a,bcdefgh"):
        assert re.fullmatch("[0-9a-f]{16}", id_of(given)), given


@pytest.fixture
def closed(tmp_path, start_dashboard, redis_url):
    return start_dashboard(tmp_path, redis_url, DASHBOARD_PASSWORD=PASSWORD)


def status_of(dashboard: Stack, name: str, password: str, path: str = "/0/data/queues.json") -> int:
    login = base64.b64encode(f"{name}:{password}".encode()).decode()
    request = urllib.request.Request(dashboard.url + path, headers={"Authorization": f"Basic {login}"})
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        return error.code if error.code != 429 or 1 <= int(error.headers["Retry-After"]) <= 61 else 0


def test_an_address_has_ten_wrong_passwords_a_minute(closed):
    names = ["admin", "root", "ann", "bob"]

    found = [status_of(closed, names[number % 4], f"guess {number}") for number in range(200)]

    assert found == [401] * 10 + [429] * 190
    assert status_of(closed, "admin", PASSWORD) == 429
    assert status_of(closed, "x", "y", "/healthz") == 200
    log = closed.log("dashboard")
    assert log.count("what=log_in") == 10
    assert "what=log_in subject=root status=401 client=127.0.0.1 request_id=" in log
    assert "guess" not in log


def test_requests_with_the_right_password_or_with_none_have_no_limit(closed):
    for _ in range(30):
        with pytest.raises(urllib.error.HTTPError, match="401"):
            urllib.request.urlopen(closed.url, timeout=60)

    assert [status_of(closed, "admin", PASSWORD) for _ in range(30)] == [200] * 30


def test_a_name_that_is_guessed_from_everywhere_is_closed_but_not_for_an_address_that_is_known(closed, redis):
    assert status_of(closed, "admin", PASSWORD) == 200
    assert status_of(closed, "admin", "wrong") == 401
    [key] = redis.keys("*dashboard name/admin*")
    redis.incrby(key, 200)  # from other addresses

    assert status_of(closed, "admin", PASSWORD) == 200
    assert status_of(closed, "admin", "wrong") == 401

    closed.stop()
    closed.start("dashboard")  # knows no address
    wait_until(closed.answers, what="rq-dashboard answers")
    assert status_of(closed, "admin", PASSWORD) == 429


def test_no_file_of_tests_imports_its_package():
    """It replaces parts of RQ for the whole process; all files are imported before the first test."""
    assert "taskdesk.dashboard" not in sys.modules
