"""Who asks, and how, where reverse proxies stand before the web: TRUSTED_PROXIES."""

from __future__ import annotations

import pytest
from flask import request

from web import create_app
from web.settings import WebSettings


@pytest.fixture
def seen(redis_url, tmp_path):
    """What the web takes for the client's address, scheme and host."""

    def ask(proxies: int, **headers: str) -> tuple[str | None, str, str]:
        app = create_app(WebSettings(redis_url=redis_url, data_dir=tmp_path, trusted_proxies=proxies, _env_file=None))
        app.add_url_rule("/who", view_func=lambda: [request.remote_addr, request.scheme, request.host])
        given = {f"X-Forwarded-{name}": value for name, value in headers.items()}
        return tuple(app.test_client().get("/who", headers=given).json)

    return ask


@pytest.mark.parametrize(
    ("proxies", "addresses", "schemes", "expected"),
    [
        (0, "10.9.9.9", "https", ("127.0.0.1", "http", "localhost")),
        (1, "10.9.9.9", "https", ("10.9.9.9", "https", "localhost")),
        (1, "1.1.1.1, 10.9.9.9", "https, http", ("10.9.9.9", "http", "localhost")),
        (2, "1.1.1.1, 10.9.9.9, 172.18.0.2", "http, https, http", ("10.9.9.9", "https", "localhost")),
        (2, "10.9.9.9", "https", ("127.0.0.1", "http", "localhost")),
    ],
)
def test_only_what_the_trusted_proxies_have_added_is_believed(seen, proxies, addresses, schemes, expected):
    assert seen(proxies, For=addresses, Proto=schemes, Host="evil.example") == expected
