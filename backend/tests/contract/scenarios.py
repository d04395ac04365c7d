"""Scenarios of what can happen to a job. Each enqueues with plain RQ, runs a worker, and may act meanwhile."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime, timedelta

from rq import Callback, Queue, Repeat, Retry
from rq.command import send_stop_job_command
from rq.exceptions import DuplicateJobError
from rq.group import Group
from rq.job import Dependency
from rq.serializers import JSONSerializer

from tests.contract.rq_stack import RqStack

ECHO = "tests.sample_tasks.echo"
RETURNS_NOTHING = "tests.sample_tasks.returns_nothing"
RAISES = "tests.sample_tasks.raises"
FAILS_ONCE = "tests.sample_tasks.fails_once"
NEVER_ENDS = "tests.sample_tasks.never_ends"
KILLS_ITSELF = "tests.sample_tasks.kills_itself"
RETURNS_RETRY = "tests.sample_tasks.returns_retry"
RETURNS_RETRY_ONCE = "tests.sample_tasks.returns_retry_once"
WAIT_FOR = "tests.sample_tasks.wait_for"
ASKS_RQ = "tests.sample_tasks.asks_rq"
CALLBACK = Callback("tests.sample_tasks._callback")

SCENARIOS: dict[str, Callable[[RqStack], None]] = {}


def scenario(function: Callable[[RqStack], None]) -> Callable[[RqStack], None]:
    SCENARIOS[function.__name__] = function
    return function


# How a job ends


@scenario
def a_job_succeeds(rq: RqStack) -> None:
    rq.queue.enqueue(ECHO, "ab", times=2, job_id="one")
    rq.run_worker()


@scenario
def a_job_returns_nothing(rq: RqStack) -> None:
    rq.queue.enqueue(RETURNS_NOTHING, job_id="one")
    rq.run_worker()


@scenario
def a_job_raises(rq: RqStack) -> None:
    rq.queue.enqueue(RAISES, job_id="one")
    rq.run_worker()


@scenario
def a_job_runs_into_its_time_limit(rq: RqStack) -> None:
    rq.queue.enqueue(NEVER_ENDS, job_timeout=1, job_id="one")
    rq.run_worker()


@scenario
def a_job_has_no_time_limit(rq: RqStack) -> None:
    rq.queue.enqueue(ECHO, "ab", job_timeout=-1, job_id="one")
    rq.run_worker()


@scenario
def a_job_kills_its_process(rq: RqStack) -> None:
    rq.queue.enqueue(KILLS_ITSELF, job_id="one")
    rq.queue.enqueue(ECHO, "ab", job_id="two")
    rq.run_worker()


@scenario
def a_job_names_a_function_that_is_nowhere(rq: RqStack) -> None:
    rq.queue.enqueue("tests.sample_tasks.nothing", job_id="one")
    rq.run_worker()


@scenario
def a_job_has_wrong_arguments(rq: RqStack) -> None:
    rq.queue.enqueue(ECHO, "ab", nothing=1, job_id="one")
    rq.run_worker()


@scenario
def a_task_asks_for_its_job(rq: RqStack) -> None:
    rq.queue.enqueue(ASKS_RQ, "ab", meta={"steps": ["first"]}, job_id="one")
    rq.queue_named("low").enqueue(ASKS_RQ, text="cd", retry=Retry(max=2), job_id="two")
    rq.queue.enqueue(ASKS_RQ, "ef", repeat=Repeat(times=1, interval=0), job_id="three")
    rq.run_worker()


# Another attempt


@scenario
def a_retry_succeeds(rq: RqStack) -> None:
    rq.queue.enqueue(FAILS_ONCE, str(rq.folder / "seen"), retry=Retry(max=2), job_id="one")
    rq.run_worker()


@scenario
def a_retry_goes_to_the_front(rq: RqStack) -> None:
    retry = Retry(max=1, enqueue_at_front=True)
    rq.queue.enqueue(FAILS_ONCE, str(rq.folder / "seen"), retry=retry, job_id="one")
    rq.queue.enqueue(ECHO, "ab", job_id="two")
    rq.run_worker()


@scenario
def every_retry_fails(rq: RqStack) -> None:
    rq.queue.enqueue(RAISES, retry=Retry(max=2), job_id="one")
    rq.run_worker()


@scenario
def every_retry_kills_its_process(rq: RqStack) -> None:
    rq.queue.enqueue(KILLS_ITSELF, retry=Retry(max=1), job_id="one")
    rq.run_worker()


@scenario
def a_retry_waits_for_its_interval(rq: RqStack) -> None:
    rq.queue.enqueue(RAISES, retry=Retry(max=2, interval=[60, 120]), job_id="one")
    rq.run_worker()


@scenario
def a_task_returns_retry_and_succeeds(rq: RqStack) -> None:
    rq.queue.enqueue(RETURNS_RETRY_ONCE, str(rq.folder / "seen"), on_failure=CALLBACK, job_id="one")
    rq.queue.enqueue(ECHO, "ab", job_id="two")
    rq.run_worker()


@scenario
def a_task_returns_retry_until_its_max(rq: RqStack) -> None:
    parent = rq.queue.enqueue(RETURNS_RETRY, most=2, retry=Retry(max=1), failure_ttl=1000, job_id="one")
    rq.queue.enqueue(ECHO, "ab", depends_on=Dependency([parent], allow_failure=True), job_id="child")
    rq.run_worker()


@scenario
def a_task_returns_retry_at_the_front(rq: RqStack) -> None:
    rq.queue.enqueue(RETURNS_RETRY, at_front=True, job_id="one")
    rq.queue.enqueue(ECHO, "ab", job_id="two")
    rq.run_worker()


@scenario
def a_task_returns_retry_with_an_interval(rq: RqStack) -> None:
    rq.queue.enqueue(RETURNS_RETRY, most=2, intervals=[60, 120], failure_ttl=-1, job_id="one")
    rq.run_worker()


@scenario
def a_failed_job_is_queued_again_by_hand(rq: RqStack) -> None:
    rq.queue.enqueue(RAISES, job_id="one")
    rq.queue.enqueue(WAIT_FOR, str(rq.folder / "go"), job_id="two")
    with rq.worker():
        rq.wait_for("two", "started")
        rq.job("one").requeue()
        (rq.folder / "go").touch()


@scenario
def a_job_repeats_at_once(rq: RqStack) -> None:
    rq.queue.enqueue(ECHO, "ab", repeat=Repeat(times=1, interval=0), job_id="one")
    rq.run_worker()


@scenario
def a_job_repeats_after_an_interval(rq: RqStack) -> None:
    rq.queue.enqueue(ECHO, "ab", repeat=Repeat(times=2, interval=[60, 120]), job_id="one")
    rq.run_worker()


@scenario
def a_job_repeats_after_several_intervals(rq: RqStack) -> None:
    rq.queue.enqueue(ECHO, "ab", repeat=Repeat(times=4, interval=[0, 0, 60]), job_id="one")
    rq.queue.enqueue(ECHO, "ab", repeat=Repeat(times=3, interval=[0, 60]), job_id="two")
    rq.run_worker()


# How long a job is kept, and with which data


@scenario
def a_result_is_not_kept(rq: RqStack) -> None:
    rq.queue.enqueue(ECHO, "ab", result_ttl=0, job_id="one")
    rq.queue.enqueue(RAISES, result_ttl=0, job_id="two")
    rq.run_worker()


@scenario
def a_result_is_kept_for_ever(rq: RqStack) -> None:
    rq.queue.enqueue(ECHO, "ab", result_ttl=-1, job_id="one")
    rq.run_worker()


@scenario
def a_result_is_kept_for_its_time(rq: RqStack) -> None:
    rq.queue.enqueue(ECHO, "ab", result_ttl=200, failure_ttl=300, job_id="one")
    rq.run_worker()


@scenario
def a_failure_is_kept_for_its_time(rq: RqStack) -> None:
    rq.queue.enqueue(RAISES, result_ttl=200, failure_ttl=300, job_id="one")
    rq.run_worker()


@scenario
def a_job_with_a_limit_in_the_queue_is_kept_once_it_started(rq: RqStack) -> None:
    rq.queue.enqueue(ECHO, "ab", ttl=100, job_id="one")
    rq.queue.enqueue(RAISES, ttl=100, job_id="two")
    rq.run_worker()


@scenario
def meta_is_kept(rq: RqStack) -> None:
    rq.queue.enqueue(ECHO, "ab", meta={"color": "blue"}, description="to echo", job_id="one")
    rq.queue.enqueue(RAISES, meta={"color": "red"}, job_id="two")
    rq.run_worker()


# Jobs that belong together


@scenario
def a_child_runs_after_its_parent(rq: RqStack) -> None:
    parent = rq.queue.enqueue(ECHO, "ab", job_id="parent")
    rq.queue.enqueue(ECHO, "cd", depends_on=parent, job_id="child")
    rq.queue_named("low").enqueue(ECHO, "ef", depends_on=["parent", "child"], job_id="grandchild")
    rq.run_worker()


@scenario
def a_child_waits_for_ever_after_its_parent_failed(rq: RqStack) -> None:
    parent = rq.queue.enqueue(RAISES, job_id="parent")
    rq.queue.enqueue(ECHO, "ab", depends_on=parent, job_id="child")
    rq.run_worker()


@scenario
def a_child_may_allow_that_its_parent_fails(rq: RqStack) -> None:
    parent = rq.queue.enqueue(RAISES, job_id="parent")
    rq.queue.enqueue(ECHO, "ab", depends_on=Dependency([parent], allow_failure=True), job_id="child")
    rq.run_worker()


@scenario
def a_child_may_allow_that_its_parent_kills_its_process(rq: RqStack) -> None:
    parent = rq.queue.enqueue(KILLS_ITSELF, job_id="parent")
    rq.queue.enqueue(ECHO, "ab", depends_on=Dependency([parent], allow_failure=True), job_id="child")
    rq.run_worker()


@scenario
def a_child_goes_to_the_front(rq: RqStack) -> None:
    parent = rq.queue.enqueue(ECHO, "ab", job_id="parent")
    rq.queue.enqueue(ECHO, "cd", depends_on=Dependency([parent], enqueue_at_front=True), job_id="child")
    rq.queue.enqueue(ECHO, "ef", job_id="other")
    rq.run_worker()


@scenario
def a_child_runs_though_no_result_of_its_parent_is_kept(rq: RqStack) -> None:
    parent = rq.queue.enqueue(ECHO, "ab", result_ttl=0, job_id="parent")
    rq.queue.enqueue(ECHO, "cd", depends_on=parent, job_id="child")
    rq.run_worker()


@scenario
def a_child_that_comes_while_its_parent_runs_runs_after_it(rq: RqStack) -> None:
    parent = rq.queue.enqueue(WAIT_FOR, str(rq.folder / "go"), job_id="parent")
    with rq.worker():
        rq.wait_for("parent", "started")
        rq.queue.enqueue(ECHO, "ab", depends_on=parent, job_id="child")
        (rq.folder / "go").touch()


@scenario
def a_group_of_jobs_runs(rq: RqStack) -> None:
    datas = [Queue.prepare_data(ECHO, args=(text,), job_id=text) for text in ("ab", "cd")]
    Group.create(connection=rq.redis, name="pair").enqueue_many(rq.queue, datas)
    rq.run_worker()


@scenario
def a_job_has_callbacks(rq: RqStack) -> None:
    callbacks = {"on_success": CALLBACK, "on_failure": CALLBACK, "on_stopped": CALLBACK}
    rq.queue.enqueue(ECHO, "ab", **callbacks, job_id="one")
    rq.queue.enqueue(RAISES, **callbacks, job_id="two")
    rq.queue.enqueue(WAIT_FOR, str(rq.folder / "never"), seconds=5, **callbacks, job_id="three")
    with rq.worker():
        rq.wait_for("three", "started")
        send_stop_job_command(rq.redis, "three", serializer=JSONSerializer)


# The order


@scenario
def a_job_at_the_front_runs_first(rq: RqStack) -> None:
    for job_id, at_front in {"one": False, "two": True, "three": True}.items():
        rq.queue.enqueue(ECHO, "ab", at_front=at_front, job_id=job_id)
    rq.run_worker()


@scenario
def an_urgent_queue_runs_first(rq: RqStack) -> None:
    for name in ("low", "default", "high"):
        for number in ("1", "2"):
            rq.queue_named(name).enqueue(ECHO, "ab", job_id=f"{name}-{number}")
    rq.run_worker()


@scenario
def an_urgent_job_that_comes_later_runs_next(rq: RqStack) -> None:
    rq.queue.enqueue(WAIT_FOR, str(rq.folder / "go"), job_id="one")
    rq.queue.enqueue(ECHO, "ab", job_id="two")
    with rq.worker():
        rq.wait_for("one", "started")
        rq.queue_named("high").enqueue(ECHO, "ab", job_id="urgent")
        (rq.folder / "go").touch()


@scenario
def a_scheduled_job_runs_when_it_is_due(rq: RqStack) -> None:
    rq.queue.enqueue_at(datetime.now(UTC) - timedelta(minutes=1), ECHO, "ab", job_id="past")
    rq.queue.enqueue_in(timedelta(0), ECHO, "ab", job_id="now")
    rq.queue.enqueue_in(timedelta(hours=1), ECHO, "ab", job_id="later")
    rq.queue_named("high").enqueue_in(timedelta(0), RAISES, retry=Retry(max=1), job_id="urgent")
    rq.run_worker()


@scenario
def a_scheduled_job_goes_to_the_front(rq: RqStack) -> None:
    rq.queue.enqueue(ECHO, "ab", job_id="one")
    rq.queue.enqueue_in(timedelta(0), ECHO, "ab", at_front=True, job_id="due")
    rq.run_worker()


@scenario
def a_unique_job_is_scheduled_once(rq: RqStack) -> None:
    for _ in range(2):
        with suppress(DuplicateJobError):
            rq.queue.enqueue_in(timedelta(0), ECHO, "ab", unique=True, job_id="due")
            rq.queue.enqueue_at(datetime.now(UTC) + timedelta(hours=1), ECHO, "ab", unique=True, job_id="later")
    with suppress(DuplicateJobError):
        rq.queue.enqueue(ECHO, "cd", unique=True, job_id="due")
    rq.run_worker()


# A user interferes


@scenario
def a_running_job_is_stopped(rq: RqStack) -> None:
    rq.queue.enqueue(WAIT_FOR, str(rq.folder / "never"), seconds=5, retry=Retry(max=2), job_id="one")
    rq.queue.enqueue(ECHO, "ab", job_id="two")
    with rq.worker():
        rq.wait_for("one", "started")
        send_stop_job_command(rq.redis, "one", serializer=JSONSerializer)


@scenario
def a_stopped_job_has_a_child_that_allows_failure(rq: RqStack) -> None:
    parent = rq.queue.enqueue(WAIT_FOR, str(rq.folder / "never"), seconds=5, job_id="parent")
    rq.queue.enqueue(ECHO, "ab", depends_on=Dependency([parent], allow_failure=True), job_id="child")
    with rq.worker():
        rq.wait_for("parent", "started")
        send_stop_job_command(rq.redis, "parent", serializer=JSONSerializer)


@scenario
def a_queued_job_is_canceled(rq: RqStack) -> None:
    job = rq.queue.enqueue(ECHO, "ab", job_id="one")
    rq.queue.enqueue(ECHO, "ab", depends_on=job, job_id="child")
    job.cancel()
    rq.run_worker()


@scenario
def a_running_job_is_canceled(rq: RqStack) -> None:
    rq.queue.enqueue(WAIT_FOR, str(rq.folder / "go"), job_id="one")
    with rq.worker():
        rq.wait_for("one", "started").cancel()
        (rq.folder / "go").touch()


@scenario
def a_running_job_is_deleted(rq: RqStack) -> None:
    rq.queue.enqueue(WAIT_FOR, str(rq.folder / "go"), job_id="one")
    with rq.worker():
        rq.wait_for("one", "started").delete()
        (rq.folder / "go").touch()


@scenario
def the_hash_of_a_queued_job_is_gone(rq: RqStack) -> None:
    job = rq.queue.enqueue(ECHO, "ab", job_id="one")
    rq.queue.enqueue(ECHO, "ab", job_id="two")
    rq.redis.delete(job.key)
    rq.run_worker()


@scenario
def a_job_is_queued_twice(rq: RqStack) -> None:
    rq.queue.enqueue(ECHO, "ab", job_id="one")
    rq.queue.push_job_id("one")
    rq.run_worker()
