"""A job that forks, or starts a process."""

from __future__ import annotations

import signal
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from taskdesk.jobs.job import Retention
from tests.conftest import wait_until

RETENTION = Retention(result_ttl=100, failure_ttl=200)


@pytest.mark.slow
def test_a_worker_is_idle_after_a_job_that_had_a_child(worker_process, jobs, registry, redis):
    job_id = jobs.submit(registry.catalog.tasks["forks"], {}, RETENTION).id
    wait_until(lambda: jobs.get(job_id).status == "succeeded")
    before = redis.info("commandstats")["cmdstat_evalsha"]["calls"]
    time.sleep(0.5)  # it is what does not happen that we wait for

    assert redis.info("commandstats")["cmdstat_evalsha"]["calls"] - before < 20


def test_a_job_that_forks_comes_back_once(run, jobs, redis):
    many = [("forks", {}), *[("remembers", {})] * 20]

    done = run(*many)

    assert [job.status for job in done] == ["succeeded"] * 21
    assert [jobs.result(job) for job in done[1:]] == list(range(1, 21))


def test_a_job_that_has_forked_is_stopped_as_any_other(worker_process, jobs, registry, tmp_path):
    job_id = jobs.submit(registry.catalog.tasks["forks_and_waits"], {"path": str(tmp_path / "never")}, RETENTION).id
    wait_until(lambda: jobs.get(job_id).progress)

    jobs.cancel(job_id)

    wait_until(lambda: jobs.get(job_id).status == "canceled")


def test_a_process_that_a_job_has_forked_ends_when_it_is_told_to(results):
    assert results(("ends_what_it_has_forked", {})) == [-signal.SIGTERM]


def test_a_process_that_a_job_has_started_ends_when_the_time_is_up(run, tmp_path):
    marker = tmp_path / "started"

    [job] = run(("starts_a_process", {"marker": str(marker)}))

    assert job.error["type"] == "Timeout"
    assert marker.exists()
    wait_until(lambda: not any(str(marker).encode() in command for command in _commands()), what="it has ended")


def _commands() -> Iterator[bytes]:
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        with suppress(OSError):
            yield path.read_bytes()
