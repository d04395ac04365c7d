"""Commands about queues, workers and tasks, with a real Redis."""

from __future__ import annotations

import json
import re

import pytest

from taskdesk.cli import terminal
from taskdesk.jobs.catalog import BrokenModule, announce
from taskdesk.jobs.job_id import new_job_id
from taskdesk.jobs.keys import RQ_WORKERS, worker_key
from taskdesk.jobs.rq_time import now_text


def test_a_queue_is_paused_and_resumed(run, redis):
    paused = run("pause", "high")

    assert (paused.exit_code, redis.smembers("taskdesk:paused")) == (0, {b"high"})
    assert "high (paused)\t0" in paused.stdout
    assert json.loads(run("pause", "high", "--json").stdout)["paused"] is True
    assert json.loads(run("resume", "high", "--json").stdout)["paused"] is False
    assert redis.exists("taskdesk:paused") == 0


def test_queues_and_workers_are_shown(run, submitted):
    submitted("echo", "text=a")

    queues = {queue["name"]: queue for queue in json.loads(run("queues", "--json").stdout)["data"]}

    assert (queues["default"]["jobs"]["queued"], queues["default"]["workers_online"]) == (1, 0)
    assert re.search(r"^default\t1\t\d+\.\d s\t0\t0\t0\t0\t0\tnone$", run("queues").stdout, re.MULTILINE)
    assert json.loads(run("workers", "--json").stdout) == {"data": []}
    assert run("queues", "--watch", "--json").exit_code == 2


@pytest.mark.parametrize(
    ("width", "columns", "name"),
    [
        (200, "WORKER STATE QUEUES JOB HOST PROCESS AGE", "f" * 32),
        (110, "WORKER STATE QUEUES JOB PROCESS", "f" * 32),
        (80, "WORKER STATE QUEUES JOB PROCESS", "f" * 7 + "…"),
    ],
)
def test_workers_in_a_terminal_have_one_line_each(run, redis, registry, monkeypatch, width, columns, name):
    monkeypatch.setattr(terminal.out, "width", width)
    job_id, host = new_job_id(), "a-machine-with-a-long-name"
    record = {"queues": "high,default,low", "state": "busy", "current_job": job_id, "hostname": host, "pid": "1234567"}
    redis.hset(worker_key("f" * 32), mapping={**record, "birth": now_text(), "catalog": registry.catalog.digest})
    redis.sadd(RQ_WORKERS, worker_key("f" * 32))

    header, line = re.sub(r"\x1b\[[\d;]*m", "", run("workers", TTY_COMPATIBLE="1").stdout).splitlines()

    assert header.split() == columns.split()
    assert line.split()[:5] == [name, "busy", "high,default,low", job_id, host if width == 200 else "1234567"]
    assert max(len(header), len(line)) <= width


def test_a_queue_without_a_worker_is_shown_as_such(run):
    assert "No worker serves the queue default" in run("submit", "echo", "text=a").stderr


def test_tasks_are_listed_with_the_broken_ones(run, redis, registry):
    broken = BrokenModule(module="tasks.half", error="SyntaxError")
    announce(redis, registry.catalog.model_copy(update={"broken": [broken]}))

    done = run("tasks")

    assert "count_bytes\tdata [other]\tdefault\tCount the bytes of a file.\n" in done.stdout
    assert "Could not load tasks.half: SyntaxError" in done.stderr
    assert json.loads(run("tasks", "--json").stdout)["broken"] == [broken.model_dump()]
