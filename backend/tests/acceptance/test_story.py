"""The main stories of the README on real processes, with nothing but HTTP."""

from __future__ import annotations

import json
import os
import select
import signal
import socket
import subprocess
import sys
import urllib.error
import urllib.request
import uuid
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from taskdesk.service.http.serve import listen
from tests.conftest import BACKEND, RedisServer, Stack, free_port, wait_until


def _call(url: str, data: bytes | None = None, **headers: str) -> Any:
    request = urllib.request.Request(url, data, {name.replace("_", "-"): value for name, value in headers.items()})
    with urllib.request.urlopen(request, timeout=60) as answer:
        return json.loads(answer.read())


def _multipart(fields: dict[str, str], files: dict[str, Path]) -> tuple[bytes, str]:
    boundary = uuid.uuid4().hex
    body = b""
    for name, value in fields.items():
        body += f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'.encode()
    for name, path in files.items():
        head = f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"; filename="{path.name}"\r\n\r\n'
        body += head.encode() + path.read_bytes() + b"\r\n"
    return body + f"--{boundary}--\r\n".encode(), f"multipart/form-data; boundary={boundary}"


@pytest.fixture(scope="session")
def breast_cancer(tmp_path_factory):
    from sklearn.datasets import load_breast_cancer

    table = load_breast_cancer(as_frame=True)
    frame = table.frame.copy()
    frame["target"] = [table.target_names[n] for n in frame["target"]]
    path = tmp_path_factory.mktemp("tables") / "breast_cancer.csv"
    frame.to_csv(path, index=False)
    return path


def _ended(stack: Stack, job_id: str) -> Any:
    return wait_until(
        lambda: (job := _call(f"{stack.url}/api/v1/jobs/{job_id}"))["status"] in ("succeeded", "failed") and job,
        seconds=100,
    )


def test_a_model_is_trained_from_an_uploaded_table(stack, breast_cancer):
    body, content_type = _multipart({"target": "target", "trees": "20", "folds": "3"}, {"data": breast_cancer})

    accepted = _call(f"{stack.url}/api/v1/tasks/train_model/jobs", body, Content_Type=content_type)
    job = _ended(stack, accepted["id"])

    parts = {part["name"]: part for part in job["result"]["parts"]}
    assert parts["accuracy"]["value"] > 0.9
    assert job["progress"]["percent"] == 100
    with urllib.request.urlopen(stack.url + parts["confusion_matrix"]["url"]) as picture:
        assert picture.read().startswith(b"\x89PNG")
    with urllib.request.urlopen(stack.url + parts["model"]["url"]) as model:
        assert model.read().startswith(b"PK")
        assert 'filename="model.skops"' in model.headers["Content-Disposition"]


def test_the_story_of_the_tutorial(stack):
    with urllib.request.urlopen(stack.url + "/", b"task_param=abc&seconds=0") as page:
        assert "Added task to queue default" in page.read().decode()

    wait_until(lambda: "prefix___abc" in [result for _, result in _call(stack.url + "/finished_tasks")])


def test_events_arrive_while_the_job_runs(stack):
    accepted = _call(
        f"{stack.url}/api/v1/tasks/simple_task/jobs",
        b'{"task_arg": "a", "seconds": 2}',
        Content_Type="application/json",
    )

    with urllib.request.urlopen(stack.url + accepted["links"]["events"], timeout=60) as events:
        types = [line.decode().split(": ")[1].strip() for line in events if line.startswith(b"event: ")]

    assert types[0] == "state"
    assert types[-1] == "end"
    assert types.count("progress") == 2


@pytest.fixture
def own_stack(tmp_path):
    """A stack for one test, on a Redis that the test may stop."""
    server = RedisServer(tmp_path)
    server.start()
    stack = Stack(server.url, tmp_path, WORKERS="1")
    stack.start("server")
    stack.start("worker")
    wait_until(lambda: stack.answers() and stack.answers("/api/v1/tasks/simple_task"))
    yield stack, server
    stack.stop()
    server.stop()


def _status(url: str) -> int:
    try:
        with urllib.request.urlopen(url, timeout=10) as answer:
            return answer.status
    except urllib.error.HTTPError as error:
        return error.code


@pytest.mark.slow
def test_redis_may_go_away_and_come_back_and_its_jobs_are_kept(own_stack):
    stack, server = own_stack
    body = b'{"task_arg": "a", "seconds": 0}'
    first = _call(f"{stack.url}/api/v1/tasks/simple_task/jobs", body, Content_Type="application/json")
    _ended(stack, first["id"])

    server.stop()
    assert _status(stack.url + "/api/v1/jobs") == 503
    assert _status(stack.url + "/healthz") == 200
    server.start()

    second = _call(f"{stack.url}/api/v1/tasks/simple_task/jobs", body, Content_Type="application/json")
    _ended(stack, second["id"])
    assert [job_id for job_id, _ in _call(stack.url + "/finished_tasks")] == [second["id"], first["id"]]


@pytest.mark.slow
def test_the_processes_start_without_redis_and_work_once_it_is_there(tmp_path):
    server = RedisServer(tmp_path)
    stack = Stack(server.url, tmp_path, WORKERS="1")
    try:
        stack.start("server")
        stack.start("worker")
        wait_until(stack.answers)
        assert _status(stack.url + "/readyz") == 503
        wait_until(lambda: "trying again until it answers" in stack.log("worker"))
        assert " ended (" not in stack.log("worker")

        server.start()
        wait_until(lambda: _status(stack.url + "/api/v1/tasks/simple_task") == 200)
    finally:
        stack.stop()
        server.stop()


@pytest.mark.slow
def test_several_web_processes_share_one_port_and_stop_on_sigterm(redis_url, tmp_path):
    stack = Stack(redis_url, tmp_path, WEB_PROCESSES="2")
    server = stack.start("server")
    wait_until(lambda: stack.log("server").count("serving on") == 2)
    assert stack.answers()

    server.send_signal(signal.SIGTERM)

    assert server.wait(timeout=60) == 0
    assert not stack.answers()


@pytest.mark.slow
def test_a_request_that_is_under_way_ends_well_when_the_web_is_stopped(own_stack):
    stack, _ = own_stack
    body = b'{"task_arg": "a", "seconds": 0}'
    head = "POST /api/v1/tasks/simple_task/jobs HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
    events = urllib.request.urlopen(stack.url + _call_events(stack), timeout=60)
    with events, socket.create_connection(("127.0.0.1", stack.port)) as connection:
        connection.sendall(head.encode() + b"Content-Length: %d\r\n\r\n" % len(body) + body[:10])
        assert events.readline()
        stack.processes["server"].send_signal(signal.SIGTERM)
        wait_until(lambda: not _accepts(stack))
        connection.sendall(body[10:])
        assert b" 202 " in connection.recv(4096)

    assert stack.processes["server"].wait(timeout=60) == 0
    assert "Traceback" not in stack.log("server")


def _call_events(stack: Stack) -> str:
    """Submit a long job, and return the address of its events."""
    job = _call(
        f"{stack.url}/api/v1/tasks/simple_task/jobs",
        b'{"task_arg": "a", "seconds": 50}',
        Content_Type="application/json",
    )
    return job["links"]["events"]


def _accepts(stack: Stack) -> bool:
    with suppress(OSError), socket.create_connection(("127.0.0.1", stack.port), timeout=1):
        return True
    return False


@pytest.mark.slow
def test_a_web_process_that_dies_is_replaced(redis_url, tmp_path):
    stack = Stack(redis_url, tmp_path, WEB_PROCESSES="2")
    server = stack.start("server")
    wait_until(lambda: stack.log("server").count("serving on") == 2)
    children = Path(f"/proc/{server.pid}/task/{server.pid}/children").read_text().split()

    os.kill(int(children[0]), signal.SIGKILL)

    wait_until(lambda: stack.log("server").count("serving on") == 3)
    stack.stop()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("setting", "value", "sentence"),
    [("APP_PORT", "seventy", "APP_PORT"), ("QUEUES", "a:b", "QUEUES"), ("ENV", "test", "ENV")],
)
def test_a_wrong_setting_ends_the_start_with_a_sentence(setting, value, sentence, tmp_path):
    environment = {**os.environ, "DATA_DIR": str(tmp_path), setting: value}

    done = subprocess.run(
        [sys.executable, "server.py"], cwd=BACKEND, env=environment, capture_output=True, text=True, timeout=60
    )

    assert done.returncode == 2
    assert sentence in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.slow
def test_a_taken_port_ends_the_start_with_a_sentence(stack, redis_url, tmp_path):
    environment = {**os.environ, "APP_PORT": str(stack.port), "REDIS_URL": redis_url}

    done = subprocess.run(
        [sys.executable, "server.py"], cwd=BACKEND, env=environment, capture_output=True, text=True, timeout=60
    )

    assert done.returncode == 2
    assert f"Can't listen on http://127.0.0.1:{stack.port}" in done.stderr
    assert "APP_PORT" in done.stderr


def test_nagles_algorithm_is_off():
    """With it, each answer on a keep-alive connection would wait 40 ms."""
    listener = listen("127.0.0.1", free_port())
    with listener, socket.create_connection(listener.getsockname()):
        wait_until(lambda: select.select([listener], [], [], 1)[0])
        accepted, _ = listener.accept()
        with accepted:
            assert accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
