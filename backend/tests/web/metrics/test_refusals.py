"""The metrics include requests that the server refuses before they reach the application."""

from __future__ import annotations

import pytest

from taskdesk.service.http.serve import listen
from taskdesk.web.main import make_server
from taskdesk.web.metrics.process_metrics import PROCESS_METRICS

HOST = "Host: localhost\r\n"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("text", "status"),
    [
        (f"BREW / HTTP/1.1\r\n{HOST}\r\n", 501),
        (f"GET / HTTP/1.1\r\n{HOST}{HOST}\r\n", 400),
        (f"GET / HTTP/1.1\r\n{HOST}X: {'a' * 40_000}\r\n\r\n", 431),
    ],
)
def test_a_refusal_is_counted(connect, web_settings, text, status):
    labels = {"method": "other", "route": "none", "status": str(status)}

    def count() -> float:
        return PROCESS_METRICS.get_sample_value("taskdesk_http_request_seconds_count", labels) or 0

    before = count()
    server = make_server(listen("127.0.0.1", 0), web_settings)
    server.start()
    try:
        assert connect(server).send(text).read().startswith(f"HTTP/1.1 {status} ".encode())
    finally:
        server.stop(5)

    assert count() == before + 1
