"""The rights in Redis: the documented ones suffice, and each that is missing is named at the start."""

from __future__ import annotations

import json
import os
import re
import socket
import subprocess
import sys
import urllib.request

import pytest

from taskdesk.service.checks import exit_if_redis_denies_access, find_problems
from taskdesk.service.redis import connect_with_timeout
from taskdesk.service.redis_rights import missing_right
from taskdesk.service.settings import SharedSettings
from tests.conftest import BACKEND, RedisServer, Stack, wait_until
from tests.tcp import serving
from tests.test_documents import ROOT

DOCUMENTED = re.search(r"ACL SETUSER taskdesk on '>\w+' (.*)", (ROOT / "docs" / "operating.md").read_text())
RIGHTS = DOCUMENTED[1].replace("'", "") if DOCUMENTED else ""
SECRET = "9f2c4e61b7d8a3055c1e7f90ab34d6288e4b1c7d5f6a0392"


@pytest.fixture
def user_with(redis, redis_server):
    """Give the user `taskdesk` these rights, and return its address."""

    def make(rights: str) -> str:
        redis.execute_command("ACL", "SETUSER", "taskdesk", "reset", "on", f">{SECRET}", *rights.split())
        return f"redis://taskdesk:{SECRET}@127.0.0.1:{redis_server.port}/0"

    redis.config_set("requirepass", SECRET)  # this connection stays logged in
    yield make
    redis.config_set("requirepass", "")
    redis.execute_command("ACL", "DELUSER", "taskdesk")


def test_the_documented_rights_suffice_at_the_start(user_with):
    with connect_with_timeout(user_with(RIGHTS), 5) as ours:
        assert missing_right(ours) == ""


MISSING = {
    RIGHTS.replace("&rq:pubsub:* ", ""): "&rq:pubsub:*",
    RIGHTS.replace("&taskdesk:wake ", ""): "&taskdesk:wake",
    RIGHTS + " resetchannels": "&rq:pubsub:*",
    RIGHTS.replace("~rq:* ", ""): "~rq:*",
    RIGHTS.replace("~taskdesk:* ", "~taskdesk:jobs "): "~taskdesk:*",
    RIGHTS.replace("~LIMITS:* ", ""): "~LIMITS:*",
    "~* &* +@all -publish": "+publish",
    "~* &* +@all -subscribe": "+subscribe",
    "~* &* +@all -@pubsub": "+publish",
    "~* &* +@all -evalsha": "+evalsha",
    "~* &* +@all -@scripting": "+eval",
    "~* &* +@all -@write": "+del",
    "~* &* +@read +ping": "+del",
    "~* &* +@all -@stream": "+xdel",
    "~* &* +@all -@hash": "+hdel",
    "~* &* +@all -@blocking": "+blmove",
    "~* &* +ping": "+exists",
}


@pytest.mark.parametrize(("rights", "named"), MISSING.items())
def test_a_missing_right_is_named_and_ends_the_program_without_showing_the_password(user_with, capsys, rights, named):
    url = user_with(rights)

    with pytest.raises(SystemExit) as ended:
        exit_if_redis_denies_access(url)

    sentence = f"The Redis user in REDIS_URL lacks the right {named}: "
    said = capsys.readouterr().err
    assert ended.value.code == 2
    assert said.startswith(sentence)
    assert SECRET not in said
    assert sentence in str(find_problems(SharedSettings(env="prod", redis_url=url, _env_file=None)))


def test_prod_also_needs_the_right_to_look_at_the_settings_of_redis(user_with):
    url = user_with("~* &* +@all -info")

    exit_if_redis_denies_access(url)
    assert "lacks the right +info: " in str(find_problems(SharedSettings(env="prod", redis_url=url, _env_file=None)))


def test_the_command_names_a_missing_right(user_with, tmp_path):
    env = {**os.environ, "REDIS_URL": user_with("~* &* +@all -hgetall -hget -hmget"), "DATA_DIR": str(tmp_path)}

    done = subprocess.run(
        [sys.executable, "-m", "taskdesk", "user", "list"], cwd=BACKEND, env=env, capture_output=True, text=True
    )

    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("The Redis user in REDIS_URL lacks the right +hgetall: ")


def test_a_redis_that_is_read_only_or_full_is_waited_for(user_with, redis):
    url = user_with(RIGHTS)
    settings = SharedSettings(env="prod", redis_url=url, _env_file=None)
    before = find_problems(settings)
    redis.replicaof("127.0.0.1", "1")
    try:
        exit_if_redis_denies_access(url)
        assert "can't be used" not in str(find_problems(settings))
    finally:
        redis.replicaof("NO", "ONE")
    redis.config_set("maxmemory", 1)
    try:
        exit_if_redis_denies_access(url)
        assert find_problems(settings) == before
    finally:
        redis.config_set("maxmemory", 0)


def test_a_cluster_is_refused(tmp_path, capsys):
    server = RedisServer(tmp_path)
    server.options = ["--cluster-enabled", "yes"]
    server.start()
    try:
        with pytest.raises(SystemExit) as ended:
            exit_if_redis_denies_access(server.url)
        problems = find_problems(SharedSettings(env="prod", redis_url=server.url, _env_file=None))
    finally:
        server.stop()

    assert ended.value.code == 2
    assert capsys.readouterr().err.startswith("Redis runs in cluster mode, which RQ can't use")
    assert "Redis runs in cluster mode" in str(problems)


@pytest.mark.parametrize(
    "error", ["script tried accessing undeclared key", "Script attempted to access a non local key"]
)
def test_a_server_that_forbids_undeclared_keys_in_scripts_is_refused(redis_url, redis_server, capsys, error):
    """As Dragonfly and some clusters do: between us and a real Redis stands what answers as they would."""

    def answer_as_such_a_server(connection: socket.socket) -> None:
        with connection, socket.create_connection(("127.0.0.1", redis_server.port)) as server:
            while asked := connection.recv(65_536):
                if b"redis.call('EXISTS', ARGV[1])" in asked:
                    connection.sendall(f"-ERR {error}\r\n".encode())
                else:
                    server.sendall(asked)
                    connection.sendall(server.recv(65_536))

    with serving(answer_as_such_a_server) as port, pytest.raises(SystemExit) as ended:
        exit_if_redis_denies_access(f"redis://127.0.0.1:{port}/0")

    said = capsys.readouterr().err
    assert ended.value.code == 2
    assert said.startswith("Redis forbids scripts to use keys that are not declared")
    assert "What works: one Redis (≥ 6.2) or Valkey" in said


@pytest.mark.slow
def test_all_programs_work_with_exactly_the_documented_rights(
    user_with, redis, redis_server, tmp_path, start_dashboard
):
    url = user_with(RIGHTS)
    redis.execute_command("ACL", "LOG", "RESET")
    stack = Stack(url, tmp_path, WORKERS="1", RATE_LIMIT="1000/second")

    def get(path: str) -> bytes:
        with urllib.request.urlopen(stack.url + path, timeout=60) as answer:
            return bytes(answer.read())

    def post(path: str, **body: object) -> str:
        data, kind = json.dumps(body).encode(), {"Content-Type": "application/json"}
        with urllib.request.urlopen(urllib.request.Request(stack.url + path, data, kind), timeout=60) as answer:
            return str(json.load(answer).get("id"))

    def has(job_id: str, status: str) -> bool:
        return bool(json.loads(get(f"/api/v1/jobs/{job_id}"))["status"] == status)

    try:
        for program in ("server", "worker"):
            stack.start(program)
        dashboard = start_dashboard(tmp_path, url)
        wait_until(lambda: stack.answers("/api/v1/tasks/simple_task"), what="the tasks are announced")
        short, long = (post("/api/v1/tasks/simple_task/jobs", task_arg="a", seconds=seconds) for seconds in (0, 600))
        wait_until(lambda: has(short, "succeeded") and has(long, "running"), what="they run")
        post(f"/api/v1/jobs/{long}/cancel")
        assert b"event: end" in get(f"/api/v1/jobs/{long}/events")
        for path in ("/metrics", "/queues", "/workers", "/jobs", "/readyz"):
            get(path)
        for path in ("/0/data/queues.json", "/0/data/workers.json", f"/0/data/job/{short}.json"):
            assert dashboard.answers(path)
    finally:
        stack.stop()

    assert redis.execute_command("ACL", "LOG") == []
