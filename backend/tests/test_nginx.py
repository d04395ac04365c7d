"""The proxy of the production stack: a real nginx with the templates of `deploy/nginx`, in front of a real web."""

from __future__ import annotations

import json
import re
import shutil
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import RedisServer, Stack, free_port, wait_until
from tests.test_documents import ROOT

NGINX = shutil.which("nginx", path="/usr/sbin:/usr/local/sbin:/usr/bin:/usr/local/bin")
OURS = re.compile("[0-9a-f]{32}")  # an id that nginx has made
pytestmark = pytest.mark.skipif(not NGINX, reason="nginx is not installed: apt install nginx-light")


class Proxy:
    """nginx with the templates as the container renders them, but for addresses and paths."""

    def __init__(self, folder: Path, app_port: int, *, listen: str = ""):
        self.port, self.folder = free_port(), folder
        changes = {
            "${MAX_UPLOAD_BYTES}": "100000", "${HTTPS_PORT}": "443", "${LISTEN}": listen,
            "/tmp/": f"{folder}/", "/tls/": f"{folder}/", "/dev/std": f"{folder}/std",
            "listen 8080;": f"listen 127.0.0.1:{self.port};", "127.0.0.1:8081": f"127.0.0.1:{free_port()}",
            "listen 8443": f"listen 127.0.0.1:{free_port()}", "set $app app;": "set $app 127.0.0.1;",
            "$app:5000": f"$app:{app_port}",
        }  # fmt: skip
        for template in (ROOT / "deploy" / "nginx").iterdir():
            text = template.read_text()
            for old, new in changes.items():
                text = text.replace(old, new)
            (folder / template.stem).write_text(text)
        command = [NGINX, "-e", f"{folder}/stderr", "-c", f"{folder}/nginx.conf", "-g", "daemon off; user root;"]
        self._process = subprocess.Popen(command)
        wait_until(self._listens, what="nginx listens")

    def _listens(self) -> bool:
        assert self._process.poll() is None
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.port)) == 0

    def stop(self) -> None:
        self._process.terminate()
        self._process.wait(timeout=60)

    def ask(self, line: str, *fields: str, body: str = "") -> tuple[int, list[str], str]:
        """Send a request; return the status, the values of X-Request-ID, and the body of the answer."""
        head = "\r\n".join([line, "Host: localhost", "Connection: close", *fields])
        with socket.create_connection(("127.0.0.1", self.port), timeout=60) as connection:
            connection.sendall(f"{head}\r\n\r\n{body}".encode("latin-1"))
            answer = b"".join(iter(lambda: connection.recv(65536), b"")).decode()
        head, _, rest = answer.partition("\r\n\r\n")
        return int(head.split()[1]), re.findall(r"(?mi)^X-Request-ID: (.*?)\r?$", head), rest

    def logged(self, request_id: str) -> dict[str, object]:
        def find() -> list[str]:
            return [line for line in (self.folder / "stdout").read_text().splitlines() if request_id in line]

        return dict(json.loads(wait_until(find, what=f"nginx logs {request_id}")[-1]))


@pytest.fixture(scope="module")
def web(redis_server: RedisServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    stack = Stack(redis_server.url, tmp_path_factory.mktemp("web"), TRUSTED_PROXIES="1")
    stack.start("server")
    wait_until(stack.answers, what="the web answers")
    yield stack
    stack.stop()


@pytest.fixture(scope="module")
def proxy(web: Stack, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Proxy]:
    proxy = Proxy(tmp_path_factory.mktemp("nginx"), web.port)
    yield proxy
    proxy.stop()


@pytest.fixture
def alone(tmp_path: Path) -> Iterator[Proxy]:
    """nginx without a web behind it."""
    proxy = Proxy(tmp_path, free_port())
    yield proxy
    proxy.stop()


def one(found: list[str]) -> str:
    assert len(found) == 1
    return found[0]


# By what answers: the application, the web's server before the application, and nginx itself.
ANSWERED = {
    "the application": ("GET /healthz HTTP/1.1", 200),
    "the application, by an error": ("GET /nowhere HTTP/1.1", 404),
    "the server: a method": ("BREW / HTTP/1.1", 501),
    "the server: a path": ("GET /a%00b HTTP/1.1", 400),
    "nginx: no path": ("GET ../a HTTP/1.1", 400),
    "nginx: a long address": (f"GET /{'a' * 9000} HTTP/1.1", 414),
}


@pytest.mark.parametrize(("line", "status"), ANSWERED.values(), ids=ANSWERED)
def test_every_answer_has_one_id_which_is_in_the_log_of_nginx(proxy, line, status):
    found, ids, _ = proxy.ask(line)

    assert found == status
    assert OURS.fullmatch(one(ids))
    assert proxy.logged(ids[0])["status"] == status


@pytest.mark.parametrize("kind", ["the application", "the application, by an error", "the server: a method"])
@pytest.mark.parametrize("given", ["id-of.the_client-1", "", "short", "a" * 65, "<script>alert", "two words of it"])
def test_web_nginx_and_client_have_the_same_id_and_only_a_well_formed_one_is_the_clients(proxy, web, kind, given):
    line, status = ANSWERED[kind]

    found, ids, _ = proxy.ask(line, *([f"X-Request-ID: {given}"] if given else []))

    request_id = one(ids)
    assert found == status
    assert request_id == given if given == "id-of.the_client-1" else OURS.fullmatch(request_id)
    assert proxy.logged(request_id)["status"] == status
    wait_until(lambda: f"request_id={request_id}" in web.log("server"), what="the web logs it")


@pytest.mark.slow
def test_a_body_that_nginx_or_the_server_refuses_is_answered_with_the_clients_id(proxy):
    given = "X-Request-ID: id-of-an-upload"
    chunks = proxy.ask("POST /tasks/a HTTP/1.1", given, "Transfer-Encoding: chunked", body="1\r\na\r\n")  # goes on
    large = proxy.ask("POST /tasks/a HTTP/1.1", given, "Content-Length: 100001")

    assert [chunks[0], large[0]] == [411, 413]
    for _, ids, body in (chunks, large):
        assert one(ids) == json.loads(body)["request_id"] == "id-of-an-upload"


def test_while_the_web_is_away_nginx_answers_with_the_clients_id(alone):
    status, ids, body = alone.ask("GET / HTTP/1.1", "X-Request-ID: id-without-web")

    assert (status, one(ids), json.loads(body)["request_id"]) == (503, "id-without-web", "id-without-web")
    assert alone.logged("id-without-web")["status"] == 503


def test_the_redirect_to_https_has_an_id(tmp_path):
    certificate = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=localhost", "-days", "2"]
    made = subprocess.run(
        [*certificate, "-keyout", tmp_path / "privkey.pem", "-out", tmp_path / "fullchain.pem"], capture_output=True
    )
    if made.returncode:
        pytest.skip("openssl is not installed")
    proxy = Proxy(tmp_path, free_port(), listen="tls")
    try:
        status, ids, _ = proxy.ask("GET /a HTTP/1.1", "X-Request-ID: id-of-plain-http")
    finally:
        proxy.stop()

    assert (status, one(ids)) == (308, "id-of-plain-http")
