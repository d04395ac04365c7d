"""Addresses that try to leave their folder or site lead nowhere, on the server as it is shipped."""

from __future__ import annotations

import socket

import pytest

PLACES = [
    "/",
    "/static/",
    "/jobs/",
    "/tasks/",
    "/api/v1/jobs/",
    "/api/v1/jobs/a-job/artifacts/",
    "/status/",
    "/static/app.css/",
]
TRICKS = [
    "../../../../etc/passwd",
    "..%2f..%2f..%2fetc%2fpasswd",
    "%2e%2e/%2e%2e/%2e%2e/etc/passwd",
    "..%5c..%5cetc%5cpasswd",
    "....//....//etc/passwd",
    "%252e%252e%252fetc%252fpasswd",
    "/etc/passwd",
    "%2fetc%2fpasswd",
    "//etc//passwd",
    "app.css%00.html",
    "%00",
    "%0d%0aSet-Cookie:%20a=b",
    "%ff%fe",
    "%c0%ae%c0%ae/%c0%ae%c0%ae/etc/passwd",
    "%ed%a0%80",
    "%",
    "%zz",
    "a" * 5000,
    "\\..\\..\\etc\\passwd",
    "%E2%80%AE",
    ";a=b",
    "a:b",
    "%7B%7B7*7%7D%7D",
]


def get(port: int, path: str) -> tuple[int, bytes]:
    """Return status and answer for an address that no library has normalized."""
    with socket.create_connection(("127.0.0.1", port), timeout=60) as client:
        client.sendall(f"GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".encode("latin-1"))
        answer = client.makefile("rb").read()
    return int(answer[9:12]), answer


@pytest.mark.parametrize("trick", TRICKS)
def test_the_address_leads_nowhere(stack, trick):
    for place in PLACES:
        status, answer = get(stack.port, place + trick)

        head = answer.partition(b"\r\n\r\n")[0]
        assert status in (308, 400, 404), (place, status)  # 308: two slashes become one
        assert b"root:" not in answer
        assert b"\r\nSet-Cookie" not in head


@pytest.mark.parametrize("path", ["//evil.example/jobs", "///jobs", "//jobs", "/%2fevil.example/..", "/\\evil.example"])
def test_the_address_leads_to_no_other_site(stack, path):
    status, answer = get(stack.port, path)

    assert status in (400, 404)
    assert b"\r\nLocation:" not in answer


@pytest.mark.parametrize(
    "query", ["cursor=%00", "limit=%ff", "status=%ed%a0%80", "task=%00&queue=%0a", "&&=&%", "q=%E2%80%AE"]
)
def test_a_query_may_be_wrong_and_is_no_error_of_ours(stack, query):
    for path in ("/api/v1/jobs", "/jobs", "/finished_tasks", "/"):
        status, _ = get(stack.port, f"{path}?{query}")

        assert status < 500, path
