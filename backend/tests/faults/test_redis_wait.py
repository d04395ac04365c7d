"""REDIS_WAIT: a submit is answered with 202, and a job with `at_most_once` begins, when a replica knows of it."""

from __future__ import annotations

import json
import time
import urllib.error
import urllib.request
from pathlib import Path

import pytest

from taskdesk.jobs.keys import job_key
from taskdesk.jobs.replication import NotReplicated, wait_for_replicas
from taskdesk.service.redis import connect_shared, connect_with_timeout
from tests.conftest import Stack, wait_until
from tests.faults.effects import Effects
from tests.faults.fleet import Fleet
from tests.redis_hosts import Hosts, redis_hosts

pytestmark = [pytest.mark.slow, pytest.mark.timeout(180)]


@pytest.fixture(scope="module")
def hosts(tmp_path_factory):
    with redis_hosts(tmp_path_factory.mktemp("hosts")) as hosts:
        yield hosts


@pytest.fixture
def replicas(hosts: Hosts):
    """The two replicas, which may be frozen. At the end they follow again."""
    primary = hosts.primary()
    others = [host for host in hosts.hosts if host is not primary]
    yield others
    for host in others:
        host.heal()
    hosts.until_whole()


def test_what_another_connection_wrote_is_waited_for_too(hosts, replicas):
    with connect_with_timeout(hosts.url, 5) as writer, connect_shared(hosts.url) as reader:
        writer.hset(job_key("a"), "status", "queued")
        wait_for_replicas(reader, ["a"], 2)
        with pytest.raises(NotReplicated):
            wait_for_replicas(reader, ["a", "unknown"], 2)

        for host in replicas:
            host.freeze()
        writer.hset(job_key("b"), "status", "queued")
        began = time.monotonic()
        with pytest.raises(NotReplicated, match="job b was accepted, but no replica of Redis confirmed it"):
            wait_for_replicas(reader, ["b"], 1)
        assert time.monotonic() - began > 0.4

        replicas[0].heal()
        wait_until(lambda: _is_confirmed(reader, "b"), what="the replica that is back confirms it")
        with pytest.raises(NotReplicated, match=r"no 2 replicas of Redis"):
            wait_for_replicas(reader, ["b"], 2)


def _is_confirmed(redis, job_id: str) -> bool:
    try:
        wait_for_replicas(redis, [job_id], 1)
    except NotReplicated:
        return False
    return True


def _submit(stack: Stack, task: str, key: str) -> tuple[int, str]:
    headers = {"Content-Type": "application/json", "Idempotency-Key": key}
    request = urllib.request.Request(f"{stack.url}/api/v1/tasks/{task}/jobs", b"{}", headers)
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:
            return answer.status, json.load(answer)["id"]
    except urllib.error.HTTPError as error:
        return error.code, json.load(error)["detail"]


def test_a_submit_is_answered_and_a_job_begins_when_a_replica_has_them(hosts, replicas, tmp_path: Path, monkeypatch):
    monkeypatch.setenv("REDIS_WAIT", "1")
    effects = Effects(tmp_path / "effects")
    stack, fleet = Stack(hosts.url, tmp_path, TASKS="tests.faults.tasks"), Fleet(tmp_path, hosts.url, effects.path)
    try:
        stack.start("server")
        fleet.start(1)
        wait_until(lambda: stack.answers("/api/v1/tasks/effect"), what="the tasks are announced")
        assert _submit(stack, "effect_once", "first")[0] == 202
        wait_until(lambda: len(effects.all()) == 2, what="it runs")

        for host in replicas:
            host.freeze()
        status, said = _submit(stack, "effect_once", "second")
        assert status == 503
        assert "was accepted, but no replica of Redis confirmed it" in said
        job_id = said.split()[2]
        with connect_with_timeout(hosts.url, 5) as redis:
            wait_until(lambda: redis.hget(job_key(job_id), "status") == b"started", what="a worker has taken it")
            assert effects.of(job_id) == []

        for host in replicas:
            host.heal()
        wait_until(lambda: _submit(stack, "effect_once", "second")[1] == job_id, what="the same job is confirmed")
        wait_until(lambda: len(effects.of(job_id)) == 2, what="it runs, once")
    finally:
        stack.stop()
        fleet.stop()
