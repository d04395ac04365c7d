"""Scenarios of what RQ 2 does not have, or does otherwise."""

from __future__ import annotations

from collections.abc import Callable

from rq.job import Dependency
from rq.rate_limit import RateLimit

from tests.contract.rq_stack import RqStack
from tests.contract.scenarios import ECHO, KILLS_ITSELF, RAISES, WAIT_FOR

RQ3_SCENARIOS: dict[str, Callable[[RqStack], None]] = {}


def scenario(function: Callable[[RqStack], None]) -> Callable[[RqStack], None]:
    RQ3_SCENARIOS[function.__name__] = function
    return function


@scenario
def jobs_share_a_limit(rq: RqStack) -> None:
    for job_id, task in {"one": ECHO, "two": RAISES, "three": KILLS_ITSELF, "four": ECHO}.items():
        arguments = ("ab",) if task == ECHO else ()
        rq.queue.enqueue(task, *arguments, rate_limit=RateLimit("k", 1), job_id=job_id)
    rq.run_worker()


@scenario
def children_share_a_limit(rq: RqStack) -> None:
    parent = rq.queue.enqueue(ECHO, "ab", job_id="parent")
    for job_id in ("one", "two"):
        rq.queue.enqueue(ECHO, "cd", depends_on=parent, rate_limit=RateLimit("k", 1), job_id=job_id)
    rq.run_worker()


@scenario
def a_child_that_allows_failure_comes_after_its_parent_failed(rq: RqStack) -> None:
    parent = rq.queue.enqueue(RAISES, job_id="parent")
    rq.queue.enqueue(WAIT_FOR, str(rq.folder / "go"), job_id="other")
    with rq.worker():
        rq.wait_for("other", "started")
        rq.queue.enqueue(ECHO, "ab", depends_on=Dependency([parent], allow_failure=True), job_id="child")
        (rq.folder / "go").touch()
