"""The commands about failures: output and exit status, with a real Redis."""

from __future__ import annotations

import json

import pytest

from taskdesk.jobs.losses import PROCESS_KILLED


@pytest.fixture
def failed(submitted, run_worker):
    """The ids of jobs that have failed with the same cause."""

    def failed(count: int = 2, task: str = "raises") -> list[str]:
        ids = [submitted(task) for _ in range(count)]
        run_worker()
        return ids

    return failed


@pytest.fixture
def cause(run):
    """The first cause of a list."""
    return lambda *options: json.loads(run("failures", "--json", *options).stdout)["data"][0]


def test_failures_are_listed_by_cause_with_the_keys_of_the_api(run, failed, cause, client):
    failed()
    failed(1, "kills_itself")

    lines = run("failures").stdout.splitlines()

    assert lines[0] == "ID\tTASK\tERROR\tCOUNT\tJOBS\tLAST (UTC)"
    assert [line.split("\t")[1:5] for line in lines[1:]] == [
        ["kills_itself", f"WorkerLost: {PROCESS_KILLED.sentence}", "1", "1"],
        ["raises", "ValueError: The number <seven> is too small.", "2", "2"],
    ]
    assert len(run("failures", "--task", "raises").stdout.splitlines()) == 2
    shown = cause()
    of_api = client.get(f"/api/v1/failures/{shown['id']}").json
    assert of_api == shown | {"links": of_api["links"]}


def test_a_cause_is_shown_with_its_place(run, failed, cause):
    _, last = failed()
    found = cause()

    lines = run("failures", "show", found["id"]).stdout.splitlines()

    assert "frame\ttests/sample_tasks/bad.py:raises" in lines
    assert f"sample\t{last}" in lines
    assert json.loads(run("failures", "show", found["id"], "--json").stdout) == found


def test_the_jobs_of_a_cause_are_retried_once(run, failed, cause):
    failed(3)
    found = cause()

    first, again = run("failures", "retry", found["id"]), run("failures", "retry", found["id"], "--json")

    assert (first.exit_code, first.stdout) == (0, "retried\t3\n")
    assert json.loads(again.stdout) == {"outcomes": {}}
    assert (cause()["count"], cause()["open_jobs"]) == (3, 0)


def test_a_cause_is_muted_resolved_and_reopened(run, failed, cause):
    failed()
    found = cause()

    for command, state in (("mute", "muted"), ("resolve", "resolved"), ("reopen", "open")):
        assert run("failures", command, found["id"]).stdout == f"{found['id']}\t{state}\n"
        assert cause("--state", state)["id"] == found["id"]
    assert cause("--state", "all")["changed_by"].startswith("cli:")


@pytest.mark.parametrize("command", ["show", "retry", "mute", "resolve", "reopen"])
def test_an_unknown_cause_ends_with_4_and_a_sentence(run, command):
    done = run("failures", command, "0123456789ab")

    assert done.exit_code == 4
    assert "No failure has the cause '0123456789ab'." in done.stderr
