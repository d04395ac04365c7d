"""rediss://: Redis behind TLS that wants a certificate of the client."""

from __future__ import annotations

import shutil
import socket
import ssl
import subprocess
import sys
import threading
from contextlib import contextmanager

import pytest
from redis.exceptions import ConnectionError, RedisError

from taskdesk.jobs.scripts import READY
from taskdesk.service.redis import connect_shared, connect_with_timeout
from taskdesk.worker.child.script_connection import ScriptConnection
from tests.conftest import BACKEND, RedisServer, Stack, wait_until
from tests.tcp import serving


@pytest.fixture(scope="module")
def certificates(tmp_path_factory):
    """A CA, and what it has signed for the server and for us: `<name>.pem`, `<name>.key`."""
    folder = tmp_path_factory.mktemp("tls")

    def openssl(*arguments: str) -> None:
        subprocess.run(["openssl", *arguments], cwd=folder, check=True, capture_output=True)

    key = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes")
    openssl("req", "-x509", *key, "-keyout", "ca.key", "-out", "ca.pem", "-subj", "/CN=CA", "-days", "2")
    (folder / "names").write_text("subjectAltName=DNS:localhost,IP:127.0.0.1")
    for name in ("server", "client"):
        openssl("req", *key, "-keyout", f"{name}.key", "-out", f"{name}.csr", "-subj", f"/CN={name}")
        signed = ("-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial", "-days", "2", "-extfile", "names")
        openssl("x509", "-req", "-in", f"{name}.csr", "-out", f"{name}.pem", *signed)
    return folder


@contextmanager
def _in_front_of(redis_server, certificates):
    """A TLS server in front of a Redis: the one that comes with us has no TLS."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=certificates / "ca.pem")
    context.load_cert_chain(certificates / "server.pem", certificates / "server.key")
    context.verify_mode = ssl.CERT_REQUIRED

    def forward(connection: socket.socket) -> None:
        redis = ("127.0.0.1", redis_server.port)
        with context.wrap_socket(connection, server_side=True) as client, socket.create_connection(redis) as server:
            threading.Thread(target=_copy, args=(server, client), daemon=True).start()
            _copy(client, server)

    with serving(forward) as port:
        yield port


def _copy(source: socket.socket, target: socket.socket) -> None:
    try:
        while data := source.recv(65_536):
            target.sendall(data)
        target.shutdown(socket.SHUT_WR)
    except OSError:
        pass


@contextmanager
def _with_its_own_tls(program, folder, certificates):
    server = RedisServer(folder, program)
    files = {"cert": "server.pem", "key": "server.key", "ca-cert": "ca.pem"}
    server.options = [part for name, file in files.items() for part in (f"--tls-{name}-file", str(certificates / file))]
    plain, server.port = server.port, 0
    server.options += ["--tls-port", str(plain), "--tls-auth-clients", "yes"]
    server.launch()
    try:
        yield plain
    finally:
        server.stop()


def _has_tls(program: str | None) -> bool:
    return bool(program) and b"libssl" in subprocess.run(["ldd", program], capture_output=True).stdout


@pytest.fixture(params=["in front of Redis", "of Redis itself"])
def tls_port(request, redis_url, redis_server, certificates, tmp_path):
    program = shutil.which("redis-server") or shutil.which("valkey-server")
    if request.param == "in front of Redis":
        with _in_front_of(redis_server, certificates) as port:
            yield port
    elif not _has_tls(program):
        pytest.skip("no redis-server with TLS is on PATH")
    else:
        with _with_its_own_tls(program, tmp_path, certificates) as port:
            yield port


@pytest.fixture
def url(tls_port, certificates):
    """An address with the CA and our certificate, as docs/redis.md has it."""
    ours = f"ssl_certfile={certificates}/client.pem&ssl_keyfile={certificates}/client.key"
    return f"rediss://127.0.0.1:{tls_port}/0?ssl_ca_certs={certificates}/ca.pem&{ours}"


def _answers(redis) -> bool:
    try:
        return bool(redis.ping())
    except RedisError:
        return False


def test_every_kind_of_connection_is_encrypted(url):
    with connect_shared(url) as shared, connect_with_timeout(url, 5) as redis:
        wait_until(lambda: _answers(redis), seconds=10, what="Redis answers")
        worker = ScriptConnection(redis, timeout=5, give_up=lambda: False, show_life=lambda extra=0: None)
        assert shared.set("key", "x" * 100_000)
        assert redis.get("key") == b"x" * 100_000
        worker.call(READY, (), ())
        worker.close()


WITHOUT = {"the CA": ("ssl_ca_certs",), "our certificate": ("ssl_certfile", "ssl_keyfile")}


@pytest.mark.parametrize("what", WITHOUT)
def test_nothing_is_sent_without(url, what):
    address, options = url.split("?")
    left = "&".join(option for option in options.split("&") if option.partition("=")[0] not in WITHOUT[what])
    with connect_with_timeout(f"{address}?{left}", 5) as redis, pytest.raises((ConnectionError, OSError)):
        redis.ping()


@pytest.mark.slow
def test_web_worker_and_command_run_a_job_over_tls(url, tmp_path):
    stack = Stack(url, tmp_path, WORKERS="1")
    try:
        for program in ("server", "worker"):
            stack.start(program)
        wait_until(lambda: stack.answers("/api/v1/tasks/simple_task"), what="the tasks are announced")
        command = [sys.executable, "-m", "taskdesk", "submit", "simple_task", "task_arg=a", "seconds=0", "--wait"]
        done = subprocess.run(command, cwd=BACKEND, env=stack.environment, capture_output=True, text=True, timeout=60)
    finally:
        stack.stop()

    assert done.stderr.startswith("simple_task succeeded"), done.stderr
