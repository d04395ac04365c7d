"""The web of a scenario, and clients that submit to it."""

from __future__ import annotations

import json
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple

from tests.conftest import Stack, wait_until
from tests.faults.harness import Rig


@contextmanager
def web(rig: Rig, workers: int, **settings: str) -> Iterator[Stack]:
    """Start the web and this many workers, side by side."""
    stack = Stack(rig.url, rig.folder, TASKS="tests.faults.tasks", **settings)
    stack.start("server")
    try:
        rig.until_online(*rig.fleet.start(workers))
        wait_until(stack.answers, what="the web answers")
        yield stack
    finally:
        stack.stop()


class Answer(NamedTuple):
    status: int
    retry_after: str
    seconds: float
    job_id: str = ""


def post(stack: Stack, task: str, body: bytes = b"{}", **headers: str) -> Answer:
    """Submit a job over HTTP."""
    request = urllib.request.Request(
        f"{stack.url}/api/v1/tasks/{task}/jobs", body, {"Content-Type": "application/json", **headers}
    )
    began = time.monotonic()
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:
            return Answer(answer.status, "", time.monotonic() - began, json.load(answer)["id"])
    except urllib.error.HTTPError as error:
        with error:
            return Answer(error.code, error.headers.get("Retry-After", ""), time.monotonic() - began)
