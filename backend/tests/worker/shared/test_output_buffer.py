"""The output of a job whose process has died."""

from __future__ import annotations

import signal

import pytest

from taskdesk.jobs.joblog import read_log


@pytest.mark.slow
@pytest.mark.parametrize("how", [0, signal.SIGKILL, signal.SIGSEGV])
@pytest.mark.parametrize("lines", [0, 20_000])
def test_what_a_job_printed_before_its_process_died_is_in_its_log(run, redis, how, lines):
    failed, other = run(("dies_talking", {"how": how, "lines": lines}), ("lives_on", {}))

    log = read_log(redis, failed.id).text
    assert log.startswith("the beginning\n")
    assert log.endswith("last words\n")
    assert ("bytes left out" in log) == bool(lines)
    assert read_log(redis, other.id).text == "printed\nWARNING library: logged\n"


def test_a_process_that_a_job_forked_ends_no_log(run, redis):
    [job] = run(("forks_talking", {}))

    assert read_log(redis, job.id).text == "before\nafter\n"
