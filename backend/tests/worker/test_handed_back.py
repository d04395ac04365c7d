"""Jobs that a worker can't run: the scripts that hand them back and give them to another, and what stock tools do."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from rq import Queue, SimpleWorker
from rq.job import Job as RqJob
from rq.scheduler import RQScheduler
from rq.serializers import JSONSerializer

from taskdesk.jobs.artifacts import FolderStore
from taskdesk.jobs.fields import FOREIGN
from taskdesk.jobs.job import Retention
from taskdesk.jobs.keys import PARENTS, SWEEP_LOCK, foreign_key
from taskdesk.jobs.listing import Filter
from taskdesk.jobs.rq_time import now_text
from taskdesk.jobs.scripts import REINDEX
from taskdesk.worker.scripts import ADOPT, CYCLE, RELEASE, TICK
from taskdesk.worker.supervisor.retention import Sweeper
from tests.conftest import wait_until
from tests.faults.reconciler import Snapshot

WORKER = "someone"
RETENTION = Retention(result_ttl=100, failure_ttl=200)
QUEUES = ["rq:queue:high", "rq:queue:default", "rq:queue:low"]
REFUSED = {"type": "Refused", "title": "Refused", "detail": "The worker refused it."}
TASK = "tests.sample_tasks.echo"


@pytest.fixture
def submit(jobs, registry):
    def submit(**options):
        spec = registry.catalog.tasks["echo"].model_copy(update={"retries": options.pop("retries", 0)})
        return jobs.submit(spec, {"text": "a"}, RETENTION, **options).id

    return submit


@pytest.fixture
def reserve(redis):
    def reserve(execution: str, *, serves: tuple[str, ...] = ()) -> str:
        """The next job of a worker, which has the name of the execution; `serves`: what it serves of those that were
        handed back.
        """
        script, arguments = (ADOPT, [json.dumps(dict.fromkeys(serves, 1))]) if serves else (CYCLE, [])
        answer = script(redis, execution, now_text(), execution, 90, "", "", *arguments, keys=QUEUES)
        return answer[2].decode() if answer[1] == b"job" else ""

    return reserve


@pytest.fixture
def hand_back(redis) -> Callable[..., list[object]]:
    def hand_back(job_id, execution, *, version="", others="", ttl=1000, reference=TASK):
        began = [execution, now_text(), "handed_back", job_id, execution, json.dumps(REFUSED), "", 1.0, 2.0, 1.0]
        over = ['{"type": "NotServed", "title": "No worker", "detail": "None."}', ""]
        return RELEASE(redis, *began, reference, version, others, "No worker here serves it.", ttl, *over)

    return hand_back


@pytest.fixture
def foreign(submit, reserve, hand_back):
    """A job that was handed back."""

    def foreign(**options) -> str:
        job_id = submit(**options)
        assert reserve(f"of {job_id}") == job_id
        assert hand_back(job_id, f"of {job_id}")[0] == b"scheduled"
        return job_id

    return foreign


@pytest.fixture
def astray(redis):
    return lambda: list(Snapshot(redis).astray())


def due_in(redis, job_id: str, queue: str = "default") -> float:
    return redis.zscore(f"rq:scheduled:{queue}", job_id) - time.time()


def make_due(redis, *job_ids: str) -> None:
    redis.zadd("rq:scheduled:default", dict.fromkeys(job_ids, time.time() - 1))
    TICK(redis, WORKER, now_text(), "{}", "", "high", "default", "low")


def everything(redis):
    return {key: redis.dump(key) for key in redis.scan_iter("*") if not key.startswith(b"taskdesk:sequence")}


def test_a_job_that_is_handed_back_waits_and_has_not_begun(foreign, jobs, redis, astray):
    job = jobs.get(foreign(retries=3))

    assert (job.status, job.attempt, job.started_at, job.worker) == ("waiting", 1, None, "")
    assert (job.wait.reason, job.wait.reference) == ("No worker here serves it.", TASK)
    assert [one.id for one in jobs.page(9, None, Filter(status="waiting"))[0]] == [job.id]
    assert jobs.page(9, None, Filter(status="scheduled"))[0] == []
    assert not astray()


def test_a_hand_back_that_is_sent_again_changes_nothing(submit, reserve, hand_back, redis):
    job_id = submit()
    reserve("e1")
    hand_back(job_id, "e1")
    before = everything(redis)

    assert hand_back(job_id, "e1") == []
    assert everything(redis) == before


def test_the_pause_doubles_up_to_half_a_minute(submit, reserve, hand_back, redis):
    job_id, pauses = submit(), []
    for turn in range(7):
        reserve(f"e{turn}")
        assert hand_back(job_id, f"e{turn}")[4] == turn + 1
        pauses.append(round(due_in(redis, job_id)))
        make_due(redis, job_id)

    assert pauses == [1, 2, 4, 8, 16, 30, 30]


def test_where_thousands_wait_about_a_hundred_a_second_come_back(submit, reserve, hand_back, redis):
    redis.zadd(foreign_key("default"), {f"x 1 {number}": 0 for number in range(5_000)})
    job_id = submit()
    reserve("e1")

    hand_back(job_id, "e1")

    assert round(due_in(redis, job_id)) == 50


def test_a_job_that_came_back_goes_to_the_end_though_it_was_submitted_for_the_head(foreign, submit, redis, astray):
    first = foreign()
    redis.hset(f"rq:job:{first}", "enqueue_at_front", 1)
    second = submit()

    make_due(redis, first)

    assert redis.lrange("rq:queue:default", 0, -1) == [second.encode(), first.encode()]
    assert not astray()


def test_the_one_that_waits_longest_is_adopted_before_what_is_queued(foreign, submit, reserve, astray):
    first, second, queued = foreign(), foreign(), submit()

    assert [reserve(f"e{n}", serves=(TASK,)) for n in range(4)] == [first, second, queued, ""]
    assert not astray()


def test_nobody_adopts_what_he_does_not_serve(foreign, reserve):
    foreign()

    assert reserve("e1", serves=("tests.sample_tasks.ech", "tests.sample_tasks.echo2", f"{TASK}@1")) == ""


def test_a_more_urgent_job_comes_before_one_that_is_adopted(foreign, submit, reserve, jobs):
    waits, urgent = foreign(), submit(queue="high")

    assert reserve("e1", serves=(TASK,)) == urgent
    assert jobs.get(waits).status == "waiting"
    assert reserve("e2", serves=(TASK,)) == waits


def test_many_jobs_of_one_task_hide_no_other(foreign, reserve, redis):
    redis.zadd(foreign_key("default"), {f"another.task 1 {number}": 0 for number in range(1_000)})

    job_id = foreign()

    assert reserve("e1", serves=(TASK,)) == job_id


def test_nothing_is_adopted_of_a_paused_queue_or_by_a_suspended_worker(foreign, reserve, redis, jobs, astray):
    job_id = foreign()
    redis.sadd("taskdesk:paused", "default")
    assert reserve("e1", serves=(TASK,)) == ""
    assert jobs.get(job_id).status == "waiting"
    redis.delete("taskdesk:paused")
    redis.set("rq:suspended", 1)
    assert reserve("e2", serves=(TASK,)) == ""
    assert jobs.get(job_id).status == "waiting"
    assert not astray()

    redis.delete("rq:suspended")
    assert reserve("e3", serves=(TASK,)) == job_id


def test_arguments_that_one_version_refused_are_for_another(submit, reserve, hand_back, jobs):
    job_id = submit()
    reserve("e1")
    hand_back(job_id, "e1", version="v1", others="v2 v3")

    assert reserve("e2", serves=(TASK, f"{TASK}@v1", f"{TASK}@v3")) == ""
    assert reserve("e3", serves=(TASK, f"{TASK}@v2")) == job_id
    hand_back(job_id, "e3", version="v2", others="v1 v3")
    assert reserve("e4", serves=(TASK, f"{TASK}@v3")) == job_id
    assert hand_back(job_id, "e4", version="v3", others="v1 v2")[0] == b"failed"
    assert jobs.get(job_id).error == REFUSED


def test_what_nobody_could_run_in_time_fails_whatever_retries_it_has_and_others_hear_of_it(
    submit, reserve, hand_back, jobs, redis
):
    job_id = submit(retries=3)
    redis.sadd(f"rq:job:{job_id}:dependents", "another")
    reserve("e1")
    hand_back(job_id, "e1", ttl=0.5)
    assert due_in(redis, job_id) < 0.6  # not after its time
    time.sleep(0.5)
    make_due(redis, job_id)
    reserve("e2")

    assert hand_back(job_id, "e2", ttl=0.5)[0] == b"failed"
    assert (jobs.get(job_id).error["type"], jobs.get(job_id).attempt) == ("NotServed", 1)
    assert redis.sismember(PARENTS, job_id)
    assert not redis.exists(foreign_key("default"))


def test_a_job_that_was_told_to_stop_is_not_handed_back(submit, reserve, hand_back, jobs):
    job_id = submit()
    reserve("e1")
    jobs.cancel(job_id)

    assert hand_back(job_id, "e1")[0] == b"stopped"
    assert jobs.get(job_id).status == "canceled"


def test_a_retry_of_a_job_that_had_been_handed_back_says_nothing_of_that(foreign, reserve, redis, jobs, astray):
    job_id = foreign(retries=3)
    reserve("e1", serves=(TASK,))

    error = '{"type": "E", "title": "E", "detail": "so it is"}'
    RELEASE(redis, "e1", now_text(), "failed", job_id, "e1", error, "", 1.0, 2.0, 1.0)

    assert (jobs.get(job_id).status, jobs.get(job_id).wait) == ("scheduled", None)
    assert not astray()


@pytest.mark.parametrize("end", ["cancel", "delete"])
def test_what_rqs_own_tools_ended_is_forgotten(foreign, reserve, redis, registry, worker_settings, tmp_path, end):
    gone, stays = foreign(), foreign()
    getattr(RqJob.fetch(gone, connection=redis, serializer=JSONSerializer), end)()

    redis.delete(SWEEP_LOCK)
    Sweeper(redis, FolderStore(tmp_path), worker_settings).sweep()

    assert [entry.split()[2].decode() for entry in redis.zrange(foreign_key("default"), 0, -1)] == [stays]
    assert reserve("e1", serves=(TASK,)) == stays


def test_a_stock_worker_runs_what_was_handed_back(redis, jobs, run_worker, registry):
    """The function is none of ours; RQ's scheduler queues the job, and RQ's worker imports what it names."""
    queue = Queue("default", connection=redis, serializer=JSONSerializer)
    job_id = queue.enqueue("posixpath.basename", "a/ab").id
    run_worker()
    assert jobs.get(job_id).status == "waiting"
    redis.zadd("rq:scheduled:default", {job_id: int(time.time()) - 1})
    redis.delete(RQScheduler.get_locking_key("default"))

    scheduler = RQScheduler([queue], connection=redis, serializer=JSONSerializer)
    scheduler.acquire_locks()
    scheduler.enqueue_scheduled_jobs()
    SimpleWorker([queue], connection=redis, serializer=JSONSerializer).work(burst=True)

    assert jobs.result(jobs.get(job_id)) == "ab"


def test_a_worker_that_starts_takes_what_was_handed_back(foreign, run_worker, jobs, redis, astray):
    ids = [foreign() for _ in range(20)]
    redis.zadd("rq:scheduled:default", dict.fromkeys(ids, time.time() + 1000))

    run_worker()

    assert {jobs.get(job_id).status for job_id in ids} == {"succeeded"}
    assert redis.hexists(f"rq:job:{ids[0]}", FOREIGN)  # a trace that costs the end of a job nothing to leave
    assert not astray()


@pytest.mark.slow
def test_an_idle_worker_takes_what_another_hands_back_before_it_is_due(submit, worker_process, jobs, redis):
    first = submit()
    wait_until(lambda: jobs.get(first).status == "succeeded", what="the worker works")
    time.sleep(1.5)  # its statistics are written: from now on it waits for a job, and for nothing else
    job_id = submit(at=datetime.now(UTC) + timedelta(hours=1))
    state = {"wanted": TASK, "since": "1.000000", "tries": 1, "refused": "", "reason": "No worker here serves it."}
    redis.hset(f"rq:job:{job_id}", FOREIGN, json.dumps(state))

    REINDEX(redis, "default", job_id)

    wait_until(lambda: jobs.get(job_id).status == "succeeded", what="it is taken")


def test_what_is_due_is_left_to_the_scheduler(submit, redis, reserve, hand_back):
    """A stock scheduler reads what is due first and queues it then: what is taken in between would run twice."""
    job_id = submit()
    assert reserve("e1") == job_id
    hand_back(job_id, "e1")
    redis.zadd("rq:scheduled:default", {job_id: time.time() - 1})

    assert reserve("e2", serves=(TASK,)) == ""
    redis.zadd("rq:scheduled:default", {job_id: time.time() + 100})
    assert reserve("e3", serves=(TASK,)) == job_id
