"""After each scenario Redis holds the same keys, fields and times to live, whether RQ's own worker ran or ours."""

from __future__ import annotations

import shutil
from fnmatch import fnmatchcase
from typing import Any, NamedTuple

import pytest

from tests.contract.rq3_scenarios import RQ3_SCENARIOS
from tests.contract.rq_stack import RqStack
from tests.contract.scenarios import SCENARIOS as COMMON_SCENARIOS
from tests.contract.snapshot import snapshot
from tests.contract.workers import RunWorker, run_our_worker, run_stock_worker, starter

SCENARIOS = COMMON_SCENARIOS | RQ3_SCENARIOS


class Difference(NamedTuple):
    """An allowed difference: the scenario, the name in the snapshot (both may hold `*`), and the reason."""

    scenario: str
    what: str
    reason: str


STALE = "RQ's parent process saves the job as it was before its run, and so overwrites this"
ENDED = "a canceled or deleted job stays so; with RQ it becomes finished at its end, and a deleted one comes back"
KILLED = [  # scenario, job
    ("a_job_kills_its_process", "one"),
    ("every_retry_kills_its_process", "one"),
    ("a_child_may_allow_that_its_parent_kills_its_process", "parent"),
    ("jobs_share_a_limit", "three"),
]
STOPPED = [
    ("a_running_job_is_stopped", "one"),
    ("a_job_has_callbacks", "three"),
    ("a_stopped_job_has_a_child_that_allows_failure", "parent"),
]
DIFFERENCES = [
    Difference("*", "rq:clean_groups*", "RQ notes that it has looked after the groups; we do that each half minute"),
    Difference(
        "a_job_names_a_function_that_is_nowhere",
        "*",
        "RQ tries to import the name, and fails the job; we hand the job back for a worker that serves it",
    ),
    Difference(
        "a_job_has_wrong_arguments",
        "rq:results:one 0 exc_string",
        "RQ calls the function, and Python refuses; we check the arguments before the call",
    ),
    *[
        Difference(scenario, f"rq:job:{job} {field}", STALE)
        for jobs, fields in (
            (KILLED, ("worker_name", "last_heartbeat")),
            (STOPPED, ("worker_name", "last_heartbeat", "ended_at")),
        )
        for scenario, job in jobs
        for field in fields
    ],
    *[Difference(scenario, f"rq:results:{job} 0 exc_string", "our message is a sentence") for scenario, job in KILLED],
    *[Difference(scenario, f"rq:results:{job} 0 execution_ended_at", "RQ leaves it out") for scenario, job in STOPPED],
    Difference(STOPPED[2][0], "rq:worker:<name> total_working_time", "RQ does not count the time of a stopped job"),
    *[
        Difference(scenario, what, ENDED)
        for scenario in ("a_running_job_is_canceled", "a_running_job_is_deleted")
        for what in ("rq:finished:default*", "rq:job:one*", "rq:results:one*", "rq:worker:<name> *")
    ],
    Difference("a_task_returns_retry*", "rq:job:one result", "RQ leaves it there as text, and nothing reads it"),
    Difference("a_running_job_is_deleted", "(jobs by their start)", ENDED),
    *[
        Difference("a_job_is_queued_twice", what, "a job that has ended does not run again because of a stray entry")
        for what in ("rq:results:one 1 *", "rq:worker:<name> successful_job_count")
    ],
]


@pytest.fixture
def play(worker_settings, registry, redis, tmp_path):
    """Play a scenario on an empty Redis with a worker of this class. Return the snapshot after it."""

    def play(scenario: str, run_worker: RunWorker) -> dict[str, Any]:
        folder = tmp_path / "scenario"  # the same for both: its name is an argument of jobs
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        redis.flushall()
        SCENARIOS[scenario](RqStack(redis, folder, starter(run_worker, worker_settings, registry)))
        return snapshot(redis)

    return play


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_redis_holds_the_same_as_after_rqs_own_worker(play, scenario):
    stock = play(scenario, run_stock_worker)
    ours = play(scenario, run_our_worker)

    differing = {name for name in stock | ours if stock.get(name) != ours.get(name)}
    listed = [difference.what for difference in DIFFERENCES if fnmatchcase(scenario, difference.scenario)]
    unlisted = {name for name in differing if not any(fnmatchcase(name, what) for what in listed)}

    assert _only(unlisted, ours) == _only(unlisted, stock)
    assert [what for what in listed if not any(fnmatchcase(name, what) for name in differing)] == [], (
        "listed, but does not differ"
    )


def test_a_listed_difference_names_a_scenario():
    unknown = [d.scenario for d in DIFFERENCES if not any(fnmatchcase(name, d.scenario) for name in SCENARIOS)]

    assert unknown == []


def _only(names: set[str], found: dict[str, Any]) -> dict[str, Any]:
    return {name: found[name] for name in sorted(names) if name in found}
