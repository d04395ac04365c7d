"""The tutorials' own clients against the product as it ships: its processes and tasks, with nothing but HTTP."""

from __future__ import annotations

import json
import shutil
import subprocess
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import BACKEND, Stack, wait_until

LOCUST = BACKEND.parent / ".venv-bench" / "bin" / "locust"


def _call(url: str, method: str = "GET", body: Any = None) -> Any:
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(url, data, {"Content-Type": "application/json"}, method=method)
    with urllib.request.urlopen(request, timeout=60) as answer:
        return json.loads(answer.read())


def test_000_a_heavy_task_is_started_asked_for_and_listed(stack):
    task_id = _call(f"{stack.url}/flask/heavy")["task_id"]

    def done() -> Any:
        answer = _call(f"{stack.url}/flask/status?task_id={task_id}")
        assert answer["status"] in ("PENDING", "STARTED", "SUCCESS")
        return answer["status"] == "SUCCESS" and answer

    result = wait_until(done)["result"]
    assert result in [f"This task took {seconds} seconds." for seconds in (1, 2, 3)]
    listed = {row["task_id"]: row for row in _call(f"{stack.url}/flask/tasks")["data"]}
    assert (listed[task_id]["status"], listed[task_id]["result"]) == ("SUCCESS", result)


@pytest.fixture
def own_stack(redis_url, tmp_path) -> Iterator[Stack]:
    """A stack for one test, which may leave it with a long queue."""
    stack = Stack(redis_url, tmp_path)
    stack.start("server")
    stack.start("worker")
    yield stack
    stack.stop()


@pytest.mark.skipif(not LOCUST.exists(), reason="Locust is not installed: `make load` brings it")
def test_000_every_request_of_its_load_test_is_a_job(own_stack, redis):
    wait_until(lambda: own_stack.answers("/api/v1/tasks/heavy_task"), what="the task is announced")

    command = [LOCUST, "-f", BACKEND / "bench" / "locustfile.py", "TutorialUser", "--headless", "--json"]
    options = [
        "-H",
        own_stack.url,
        "-u",
        "2",
        "-r",
        "2",
        "-t",
        "6s",
    ]  # Locust may take three to start
    done = subprocess.run([*command, *options], capture_output=True, text=True, timeout=60)

    [heavy] = json.loads(done.stdout)
    assert (done.returncode, heavy["name"], heavy["num_failures"]) == (0, "/flask/heavy", 0)
    assert heavy["num_requests"] > 10
    cut_off_at_the_end = len(redis.keys("rq:job:*")) - heavy["num_requests"]
    assert 0 <= cut_off_at_the_end <= 2


def test_001_the_progress_reaches_its_end_only_when_the_picture_is_there(stack):
    with urllib.request.urlopen(f"{stack.url}/image_page", timeout=60) as answer:
        address = answer.read().decode().split('data-progress="')[1].split('"')[0]
    seen = []

    def nearly_done() -> bool:
        seen.append(_call(stack.url + address).get("progress", 0))
        return bool(seen[-1] >= 0.99)  # what the tutorial's script waits for

    wait_until(nearly_done)
    with urllib.request.urlopen(stack.url + address.replace("/progress", "/result.png"), timeout=60) as picture:
        assert picture.read(4) == b"\x89PNG"
    assert seen == sorted(seen)
    assert any(0 < share < 0.99 for share in seen)


@pytest.mark.parametrize(("start", "read"), [("/task/", "/task/"), ("/sleep/", "/sleep/"), ("/sleep/1", "/sleep/")])
def test_002_a_task_is_started_and_read_until_it_has_a_result(stack, start, read):
    started = _call(stack.url + start, "POST")
    done = wait_until(lambda: (job := _call(stack.url + read + started["task_id"]))["state"] == "SUCCESS" and job)

    assert started["state"] == "PENDING"
    assert done["result"][:2] == "20"  # a time in ISO 8601


def test_004_a_number_is_sent_and_its_status_asked_for_until_success(stack):
    task_id = _call(f"{stack.url}/create", "POST", {"number": "4"})["data"]["task_id"]

    done = wait_until(lambda: (job := _call(f"{stack.url}/status/{task_id}"))["status"] == "SUCCESS" and job)

    assert done["result"] == [0, 1, 1, 2, 3]


@pytest.mark.skipif(not (shutil.which("curl") and shutil.which("jq")), reason="curl or jq is not installed")
def test_004_its_shell_script_prints_the_result(stack):
    script = Path(__file__).with_name("fibonacci.sh")

    done = subprocess.run([script, stack.url, "4"], capture_output=True, text=True, timeout=60)

    assert (done.returncode, done.stdout.strip()) == (0, "[0,1,1,2,3]"), done.stderr
