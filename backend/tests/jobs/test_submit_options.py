"""The options of a submit: its queue and its time."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from taskdesk.jobs.action import act
from taskdesk.jobs.actions import CANCEL, DELETE
from taskdesk.jobs.arguments import Arguments
from taskdesk.jobs.desk import Desk
from taskdesk.jobs.errors import IdempotencyKeyReused, InvalidArguments
from taskdesk.jobs.job import Retention
from taskdesk.jobs.listing import Filter
from taskdesk.service.settings import SharedSettings

TOMORROW = datetime.now(UTC).replace(microsecond=0) + timedelta(days=1)
A = Arguments({"text": "a"})


@pytest.fixture
def desk(redis, redis_url, tmp_path, registry):
    return Desk(SharedSettings(redis_url=redis_url, data_dir=tmp_path, _env_file=None), redis)


def ids(redis, key):
    read = redis.lrange if redis.type(key) == b"list" else redis.zrange
    return [job_id.decode() for job_id in read(key, 0, -1)]


def test_a_job_goes_to_the_given_queue_or_else_to_that_of_its_task(desk, redis, echo):
    urgent, plain = desk.submit(echo, A, queue="high"), desk.submit(echo, A)
    many = desk.submit_many(echo, [{"text": "b"}] * 2, queue="low")

    assert (urgent.queue, desk.jobs.get(urgent.id).queue, plain.queue) == ("high", "high", "default")
    assert ids(redis, "rq:queue:high") == [urgent.id]
    assert ids(redis, "rq:queue:low") == many
    assert [job.id for job in desk.jobs.page(9, None, Filter(queue="low", status="queued"))[0]] == many[::-1]


def test_a_job_that_is_due_later_is_scheduled_and_on_no_queue(desk, redis, echo):
    job = desk.submit(echo, A, at=TOMORROW, queue="low")
    many = desk.submit_many(echo, [{"text": "b"}] * 2, at=TOMORROW)

    assert (job, job.status, job.scheduled_at, job.enqueued_at) == (desk.jobs.get(job.id), "scheduled", TOMORROW, None)
    assert redis.zscore("rq:scheduled:low", job.id) == TOMORROW.timestamp()
    assert sorted(ids(redis, "rq:scheduled:default")) == sorted(many)
    assert not redis.exists("rq:queue:low", "rq:queue:default")
    listed, _ = desk.jobs.page(9, None, Filter(status="scheduled"))
    assert [(job.id, job.scheduled_at) for job in listed] == [(one, TOMORROW) for one in (*many[::-1], job.id)]
    assert desk.jobs.place(job) is None
    assert [queue.jobs["scheduled"] for queue in desk.queues.read()] == [0, 2, 1]


def test_a_time_between_two_seconds_is_never_early(desk, echo):
    job = desk.submit(echo, A, at=TOMORROW + timedelta(milliseconds=1))

    assert job.scheduled_at == TOMORROW + timedelta(seconds=1)


def test_a_time_in_the_past_means_now(desk, redis, echo):
    job = desk.submit(echo, A, at=datetime(2020, 1, 1, tzinfo=UTC))

    assert (job.status, job.scheduled_at, ids(redis, "rq:queue:default")) == ("queued", None, [job.id])


def test_submitting_a_scheduled_job_is_one_round_trip(desk, redis, echo):
    def submit():
        desk.jobs.submit(echo, {"text": "a"}, Retention(100, 200), at=TOMORROW, queue="high")

    submit()  # loads the script
    before = redis.info("stats")["total_commands_processed"]

    submit()

    calls = redis.info("stats")["total_commands_processed"] - before - 1  # this INFO
    assert calls == 13  # one EVALSHA, and the twelve commands inside it


@pytest.mark.parametrize(
    ("options", "pointers"),
    [
        ({"queue": "nothing"}, ["/queue"]),
        ({"queue": ""}, ["/queue"]),
        ({"at": TOMORROW + timedelta(days=366)}, ["/at"]),
        ({"queue": "nothing", "at": TOMORROW + timedelta(days=366)}, ["/queue", "/at"]),
    ],
)
def test_a_wrong_option_is_named_and_nothing_is_accepted(desk, echo, options, pointers):
    for submit in (lambda: desk.submit(echo, A, **options), lambda: desk.submit_many(echo, [{}], **options)):
        with pytest.raises(InvalidArguments) as raised:
            submit()
        assert [error.pointer for error in raised.value.errors] == pointers
    assert desk.jobs.page(9)[0] == []


@pytest.mark.parametrize("other", [{"queue": "high"}, {"at": TOMORROW + timedelta(seconds=1)}, {"at": None}])
def test_another_queue_or_time_is_another_request(desk, echo, other):
    first = {"queue": "low", "at": TOMORROW, "key": "k"}

    job = desk.submit(echo, A, **first)

    assert desk.submit(echo, A, **first).id == job.id
    with pytest.raises(IdempotencyKeyReused):
        desk.submit(echo, A, **first | other)


def test_a_scheduled_job_is_canceled_and_deleted(desk, redis, echo):
    canceled, deleted = (desk.submit(echo, A, at=TOMORROW).id for _ in range(2))

    outcomes = act(desk, CANCEL, [canceled]) + act(desk, DELETE, [deleted])

    assert [outcome.word for outcome in outcomes] == ["canceled", "deleted"]

    assert redis.zcard("rq:scheduled:default") == 0
    assert [job.id for job in desk.jobs.page(9, None, Filter(status="canceled"))[0]] == [canceled]
    assert desk.jobs.page(9, None, Filter(status="scheduled"))[0] == []


def test_a_retry_keeps_the_queue_and_forgets_the_time(desk, echo, run_worker):
    job = desk.submit(echo, A, queue="low")
    run_worker()

    again = desk.retry(desk.jobs.get(job.id))

    assert (again.queue, again.status) == ("low", "queued")


def test_a_retry_goes_to_the_queue_of_its_task_if_the_old_queue_is_gone(desk, redis, echo, run_worker):
    job = desk.submit(echo, A, queue="low")
    run_worker()
    redis.hset(f"rq:job:{job.id}", "origin", "abandoned")

    assert desk.retry(desk.jobs.get(job.id)).queue == "default"
