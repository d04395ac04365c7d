"""Jobs that plain RQ programs put into Redis come into the lists."""

from __future__ import annotations

import pickle
from datetime import UTC, datetime, timedelta

import pytest
from rq import Queue, Repeat, Retry
from rq.job import Job as RqJob
from rq.rate_limit import RateLimit
from rq.serializers import JSONSerializer

from taskdesk.jobs.catalog_reader import CatalogReader
from taskdesk.jobs.desk import Desk
from taskdesk.jobs.intake import REST_MS, Intake
from taskdesk.jobs.keys import INTAKE_LOCK, JOBS, RQ_WORKERS, index_key, job_key, queue_key, worker_key
from taskdesk.jobs.listing import Filter
from taskdesk.jobs.status import Status

QUEUES = ("high", "default", "low")
LATER = datetime(2100, 1, 1, tzinfo=UTC)
ECHO = "tests.sample_tasks.echo"


def test_a_queued_job_is_listed_with_its_task(queue, listed, jobs):
    job = queue.enqueue(ECHO, "a")

    assert listed() == listed(status="queued") == listed(task="echo") == listed(queue="default") == [job.id]
    assert listed(status="failed") == listed(task="other") == listed(queue="low") == []
    assert jobs.get(job.id).task == "echo"


@pytest.mark.parametrize(
    ("put", "status"),
    [
        (lambda queue: queue.enqueue_in(timedelta(hours=1), ECHO, "a"), "scheduled"),
        (
            lambda queue: queue.enqueue_at(LATER, ECHO, "a", unique=True, job_id="x"),
            "scheduled",
        ),
        (lambda queue: queue.enqueue(ECHO, "a", depends_on=queue.enqueue(ECHO, "b")), "waiting"),
        (lambda queue: queue.enqueue(ECHO, "a", retry=Retry(3), repeat=Repeat(2)), "queued"),
        (lambda queue: queue.enqueue(ECHO, "a", at_front=True), "queued"),
        (lambda queue: queue.enqueue_many([Queue.prepare_data(ECHO, ("a",))])[0], "queued"),
        (lambda queue: queue.enqueue(ECHO, "a", description="a words(only)", job_id="-_" * 60), "queued"),
        (
            lambda queue: (
                queue.enqueue(ECHO, "a", rate_limit=RateLimit("k", 1)),
                queue.enqueue(ECHO, "a", rate_limit=RateLimit("k", 1)),
            )[1],
            "waiting",
        ),
    ],
)
def test_a_job_is_listed_under_its_status_however_it_was_enqueued(put, status, queue, listed):
    job = put(queue)

    assert job.id in listed(task="echo")
    assert listed(status=status) == [job.id]


def test_a_job_that_ours_or_a_stock_worker_has_run_before_the_first_look_is_listed(
    queue, listed, run_worker, stock, jobs
):
    ours = [queue.enqueue(ECHO, "a").id, queue.enqueue("tests.sample_tasks.raises").id]
    run_worker()
    assert set(listed()) == set(ours)

    theirs = [queue.enqueue(ECHO, "a").id, queue.enqueue("tests.sample_tasks.raises").id]
    stock()

    assert listed(status="succeeded") == [theirs[0], ours[0]]
    assert listed(status="failed") == [theirs[1], ours[1]]
    assert listed(status="queued") == []


def test_a_listed_job_follows_what_stock_programs_do_with_it(queue, listed, stock, redis):
    ok, bad = queue.enqueue(ECHO, "a"), queue.enqueue("tests.sample_tasks.raises")
    canceled, deleted = queue.enqueue(ECHO, "b"), queue.enqueue(ECHO, "c")
    assert listed(status="queued") == [deleted.id, canceled.id, bad.id, ok.id]

    canceled.cancel()
    deleted.delete()
    stock()
    assert listed(status="succeeded") == [ok.id]
    assert listed(status="failed") == [bad.id]
    assert listed(status="canceled") == [canceled.id]
    assert listed(status="queued") == []
    assert set(listed()) == {ok.id, bad.id, canceled.id}

    RqJob.fetch(bad.id, connection=redis, serializer=JSONSerializer).requeue()
    assert listed(status="queued") == [bad.id]
    assert listed(status="failed") == []


def test_a_pickled_job_is_listed_and_never_loaded(redis, listed, jobs):
    job = Queue("default", connection=redis).enqueue(pickle.dumps, "a")

    assert listed(task="dumps") == [job.id]
    assert jobs.get(job.id).input is None


def test_a_function_that_is_no_task_never_stands_for_a_task_of_the_same_name(queue, listed):
    other = queue.enqueue("billing.jobs.echo", "a")
    unknown = queue.enqueue("billing.jobs.send", "a")

    assert listed(task="echo") == []
    assert listed(task="billing.jobs.echo") == [other.id]
    assert listed(task="send") == [unknown.id]


def test_many_jobs_are_listed_in_the_order_of_enqueuing(queue, listed, redis):
    ids = [job.id for job in queue.enqueue_many([Queue.prepare_data(ECHO, ("a",)) for _ in range(2500)])]

    assert listed() == ids[:-1001:-1]
    assert redis.zcard(index_key("default", Status.QUEUED)) == redis.zcard(JOBS) == 2500


def test_a_look_that_finds_many_jobs_in_several_queues_lists_all(redis):
    """More than a script can unpack at once."""
    names = "abcdef"
    for name in names:
        queue = Queue(name, connection=redis, serializer=JSONSerializer)
        queue.enqueue_many([Queue.prepare_data(ECHO, ("a",)) for _ in range(900)])

    Intake(redis, names, CatalogReader(redis)).look()

    assert redis.zcard(JOBS) == 5400
    assert [redis.zcard(index_key(name, Status.QUEUED)) for name in names] == [900] * 6


def test_new_jobs_are_found_at_both_ends_and_in_the_middle_of_a_long_queue(queue, listed, redis, look, jobs, echo):
    queue.enqueue_many([Queue.prepare_data(ECHO, ("a",)) for _ in range(3000)])
    look()
    middle = RqJob.create(ECHO, ("a",), connection=redis, serializer=JSONSerializer, origin="default", status="queued")
    middle.save()
    redis.linsert(queue_key("default"), "BEFORE", redis.lindex(queue_key("default"), 1500), middle.id)
    front, end = queue.enqueue(ECHO, "a", at_front=True), queue.enqueue(ECHO, "a")

    assert set(listed()[:3]) == {front.id, middle.id, end.id}


def test_a_look_at_rest_reads_no_queue_through(queue, look, redis):
    queue.enqueue_many([Queue.prepare_data(ECHO, ("a",)) for _ in range(5000)])
    redis.rpush(queue_key("default"), "expired-1", "expired-2")
    look()

    assert look() == 1
    queue.enqueue(ECHO, "a")
    assert look() <= 2


def test_a_look_costs_few_commands(queue, intake, look, redis):
    """As numbers of commands, which a busy machine does not change."""

    def commands() -> int:
        redis.delete(INTAKE_LOCK)
        before = sum(command["calls"] for command in redis.info("commandstats").values())
        intake.look()
        return sum(command["calls"] for command in redis.info("commandstats").values()) - before

    queue.enqueue_many([Queue.prepare_data(ECHO, ("a",)) for _ in range(1000)])
    assert commands() / 1000 < 5
    look()

    assert commands() <= 25 * len(QUEUES)


def test_a_job_that_is_enqueued_as_another_is_taken_is_listed(queue, listed, redis, look):
    """The queue is as long as before."""
    queue.enqueue(ECHO, "a")
    look()

    redis.lpop(queue_key("default"))
    new = queue.enqueue(ECHO, "b")

    assert new.id in listed(status="queued")


def test_other_queues_damaged_jobs_and_ids_without_a_job_are_left_alone(queue, listed, redis):
    Queue("of others", connection=redis, serializer=JSONSerializer).enqueue(ECHO, "a")
    redis.set(job_key("text"), "no hash")
    redis.rpush(queue_key("default"), "text", "gone", "has:colon and space", "")
    redis.hset(job_key("has:colon and space"), mapping={"status": "queued", "origin": "default", "data": "x"})
    job = queue.enqueue(ECHO, "a")

    assert listed() == [job.id]


def test_only_one_process_looks_in_a_second(queue, intake, redis, jobs):
    intake.look()
    queue.enqueue(ECHO, "a")

    assert intake.look() == REST_MS / 1000
    assert jobs.page(10)[0] == []


def test_a_list_has_plain_jobs_while_no_worker_of_ours_is_online(queue, redis, web_settings):
    desk, job = Desk(web_settings, redis), queue.enqueue(ECHO, "a")

    assert [listed.id for listed in desk.jobs.page(10)[0]] == [job.id]
    new = queue.enqueue(ECHO, "b")
    redis.delete(INTAKE_LOCK)
    assert desk.jobs.arrivals([job.id], None, Filter()) == 1
    redis.delete(INTAKE_LOCK)
    assert [listed.id for listed in desk.jobs.page(10)[0]] == [new.id, job.id]


def test_a_list_looks_for_nothing_while_a_worker_of_ours_is_online(queue, redis, web_settings, registry):
    redis.sadd(RQ_WORKERS, worker_key("w"))
    redis.hset(worker_key("w"), mapping={"queues": "default", "state": "idle", "catalog": registry.catalog.digest})
    queue.enqueue(ECHO, "a")

    assert Desk(web_settings, redis).jobs.page(10)[0] == []
    redis.hdel(worker_key("w"), "catalog")  # a stock worker, which does not look
    assert len(Desk(web_settings, redis).jobs.page(10)[0]) == 1


def test_a_list_is_read_although_redis_takes_no_writes(queue, redis, web_settings):
    queue.enqueue(ECHO, "a")
    redis.replicaof("127.0.0.1", 1)
    try:
        assert Desk(web_settings, redis).jobs.page(10)[0] == []
    finally:
        redis.replicaof("NO", "ONE")
