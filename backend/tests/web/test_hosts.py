"""The host names that the web answers to: a page of another site must not reach it by a name of its own."""

from __future__ import annotations

import socket

import pytest
from pydantic import ValidationError

from taskdesk.service.hosts import TrustedHosts
from taskdesk.web.application import create_app
from taskdesk.web.settings import WebSettings


@pytest.mark.parametrize(
    ("host", "trusted", "listens_on", "answers"),
    [
        ("localhost", (), "127.0.0.1", True),
        ("LocalHost.:5000", (), "127.0.0.1", True),
        ("127.0.0.1:5000", (), "127.0.0.1", True),
        ("[::1]:5000", (), "127.0.0.1", True),
        ("evil.example", (), "127.0.0.1", False),
        ("evil.example:5000", (), "::1", False),
        ("192.168.1.9", (), "127.0.0.1", False),
        (socket.gethostname(), (), "127.0.0.1", False),
        ("", (), "127.0.0.1", False),
        (":5000", (), "127.0.0.1", False),
        ("localhost.evil.example", (), "127.0.0.1", False),
        ("127.0.0.1.evil.example", (), "0.0.0.0", False),
        ("evil.example", (), "0.0.0.0", False),
        ("192.168.1.9:5000", (), "0.0.0.0", True),
        ("[fe80::9]:5000", (), "::", True),
        (socket.gethostname().upper(), (), "0.0.0.0", True),
        (f"{socket.gethostname()}.local:5000", (), "0.0.0.0", True),
        ("desk.lan", (), "desk.lan", True),
        ("desk.example.org", ("desk.example.org",), "0.0.0.0", True),
        ("DESK.example.org:443", ("Desk.Example.org",), "0.0.0.0", True),
        ("a.desk.example.org", ("desk.example.org",), "0.0.0.0", False),
        ("192.168.1.9", ("desk.example.org",), "0.0.0.0", False),
        ("192.168.1.9", ("desk.example.org",), "192.168.1.9", True),
        ("127.0.0.1:5000", ("desk.example.org",), "0.0.0.0", True),
        ("example.org", (".example.org",), "0.0.0.0", True),
        ("a.b.example.org", (".example.org",), "0.0.0.0", True),
        ("evilexample.org", (".example.org",), "0.0.0.0", False),
    ],
)
def test_a_name_is_trusted_by_the_settings(host, trusted, listens_on, answers):
    assert TrustedHosts(trusted, listens_on).trusts(host) is answers


@pytest.fixture
def client(web_settings, registry):
    return create_app(web_settings).test_client()


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/api/v1/tasks/echo/jobs"),
        ("GET", "/api/v1/jobs/a-job/events"),
        ("GET", "/api/v1/tasks"),
        ("GET", "/"),
        ("GET", "/static/app.css"),
        ("GET", "/metrics"),
        ("GET", "/nothing"),
    ],
)
def test_every_route_checks_the_host(client, redis, method, path):
    options = {"json": {"text": "a"}} if method == "POST" else {}

    answer = client.open(path, method=method, base_url="http://evil.example:5000", **options)

    assert (answer.status_code, answer.mimetype) == (421, "application/problem+json")
    assert answer.json["detail"] == (
        "This desk does not answer to the name 'evil.example:5000': the setting TRUSTED_HOSTS can allow it."
    )
    assert redis.exists("taskdesk:jobs") == 0


def test_a_forwarded_host_is_not_trusted_without_a_proxy(client):
    forwarded = {"X-Forwarded-Host": "localhost", "Forwarded": "host=localhost"}

    assert client.get("/", base_url="http://evil.example", headers=forwarded).status_code == 421
    assert client.get("/", headers={"X-Forwarded-Host": "evil.example"}).status_code == 200


@pytest.mark.parametrize("name", ["https://desk.example.org", "desk.example.org:443", "*", "a b"])
def test_a_setting_that_is_no_host_name_is_refused(name):
    with pytest.raises(ValidationError):
        WebSettings(trusted_hosts=f"localhost,{name}", _env_file=None)
