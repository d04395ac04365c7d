"""Move jobs that have not started to another queue, and give them another time: each is one step in Redis."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pytest
from rq import Queue
from rq.rate_limit import RateLimit
from rq.serializers import JSONSerializer

from taskdesk.jobs.job import Retention
from taskdesk.jobs.jobs import Jobs
from taskdesk.jobs.status import FULL
from tests.faults.reconciler import Snapshot

RETENTION = Retention(result_ttl=100, failure_ttl=200)
NOW = datetime.now(UTC).replace(microsecond=0)
LATER, LATEST = NOW + timedelta(days=30), NOW + timedelta(days=60)


@pytest.fixture
def submit(jobs, echo):
    return lambda **options: jobs.submit(echo, {"text": "a"}, RETENTION, **options).id


@pytest.fixture(autouse=True)
def whole(redis):
    yield
    assert list(Snapshot(redis).astray()) == []


def queued(redis, queue):
    return [job_id.decode() for job_id in redis.lrange(f"rq:queue:{queue}", 0, -1)]


def test_a_queued_job_goes_to_the_end_of_its_new_queue_and_runs(jobs, submit, redis, run_worker):
    first, second, other = submit(), submit(), submit(queue="low")

    assert jobs.move("low", first, "unknown") == ["queued", ""]

    assert (queued(redis, "default"), queued(redis, "low")) == ([second], [other, first])
    assert jobs.place(jobs.get(first)).position == 2
    assert list(Snapshot(redis).astray()) == []
    run_worker()
    assert jobs.get(first).status == "succeeded"


def test_a_scheduled_job_keeps_its_time_in_its_new_queue(jobs, submit):
    job_id = submit(at=LATER)

    assert jobs.move("low", job_id) == ["scheduled"]

    assert (jobs.get(job_id).queue, jobs.get(job_id).scheduled_at) == ("low", LATER)


def test_a_job_that_is_named_twice_or_is_there_already_is_moved_once(jobs, submit, redis):
    first, second = submit(), submit(queue="low")

    jobs.move("low", first, first, second)

    assert queued(redis, "low") == [second, first]


def test_a_full_queue_takes_no_more_jobs(redis, submit):
    jobs, ids = Jobs(redis, ("high", "default", "low"), max_queued=2), [submit(), submit(), submit()]

    assert jobs.move("low", *ids) == ["queued", "queued", FULL]
    assert (queued(redis, "low"), queued(redis, "default")) == (ids[:2], ids[2:])


def test_a_job_that_waits_for_another_runs_in_its_new_queue(jobs, redis, run_worker):
    queue = Queue("default", connection=redis, serializer=JSONSerializer)
    first = queue.enqueue("tests.sample_tasks.echo", "a")
    second = queue.enqueue("tests.sample_tasks.echo", "b", depends_on=first)

    assert jobs.move("low", second.id) == ["waiting"]

    run_worker()
    assert [jobs.get(job.id).status for job in (first, second)] == ["succeeded", "succeeded"]
    assert jobs.get(second.id).queue == "low"


def test_a_job_that_was_handed_back_is_moved_and_keeps_its_reason(jobs, submit, redis):
    job_id = submit(at=LATER)
    state = {"wanted": "x.y", "since": "1", "tries": 1, "refused": "", "reason": "No worker here serves x.y."}
    redis.hset(f"rq:job:{job_id}", "td_foreign", json.dumps(state))
    redis.zadd("taskdesk:foreign:default", {f"x.y 1 {job_id}": 0})
    redis.zadd("taskdesk:jobs:default:waiting", {job_id: 1})
    redis.zrem("taskdesk:jobs:default:scheduled", job_id)

    jobs.move("low", job_id)

    assert (jobs.get(job_id).queue, jobs.get(job_id).wait.reason) == ("low", "No worker here serves x.y.")
    assert jobs.reschedule(LATEST, job_id) == ["waiting"]
    assert redis.zscore("rq:scheduled:low", job_id) == LATER.timestamp()


def test_a_job_is_queued_at_its_new_time(jobs, submit, redis):
    scheduled, waiting = submit(at=LATER), submit()

    assert jobs.reschedule(LATEST, scheduled, waiting, waiting) == ["scheduled", "queued", "queued"]

    found = [jobs.get(job_id) for job_id in (scheduled, waiting)]
    assert [(job.status, job.scheduled_at) for job in found] == [("scheduled", LATEST)] * 2
    assert found[1].enqueued_at is None
    assert queued(redis, "default") == []


def test_a_rescheduled_job_gives_its_slot_to_the_next(jobs, redis):
    queue = Queue("default", connection=redis, serializer=JSONSerializer)
    limit = RateLimit("one", concurrency=1)
    first, second = (queue.enqueue("tests.sample_tasks.echo", "a", rate_limit=limit) for _ in range(2))
    assert jobs.get(second.id).status == "waiting"

    jobs.reschedule(LATEST, first.id)

    assert [jobs.get(job.id).status for job in (first, second)] == ["scheduled", "queued"]


@pytest.mark.parametrize("action", ["move", "reschedule"])
def test_a_job_that_has_begun_meanwhile_is_refused_with_a_sentence(client, submit, redis, run_worker, action):
    job_id = submit()
    run_worker()
    option = {"move": {"queue": "low"}, "reschedule": {"at": LATER.isoformat()}}[action]

    answer = client.post(f"/api/v1/jobs/{job_id}/{action}", json=option)

    assert answer.status_code == 409
    assert answer.json["detail"].startswith(f"Job {job_id} is succeeded. It can be ")


PAST = (datetime.now(UTC) - timedelta(hours=1)).isoformat()


@pytest.mark.parametrize(
    ("action", "body", "pointer", "detail"),
    [
        ("move", {}, "/queue", "Name the queue"),
        ("move", {"queue": "nowhere"}, "/queue", "There is no queue 'nowhere'"),
        ("move", {"queue": 1}, "/queue", "Name the queue"),
        ("move", {"queue": "low", "at": PAST}, "/at", "There is no such member"),
        ("reschedule", {}, "/at", "Must be a date"),
        ("reschedule", {"at": PAST}, "/at", "This time has passed"),
        ("reschedule", {"at": f"{LATER:%Y-%m-%dT%H:%M}"}, "/at", "Must be a date"),
        ("reschedule", {"at": "2099-01-01T00:00:00Z"}, "/at", "This is more than 366 days ahead"),
    ],
)
def test_a_wrong_option_is_named_and_changes_nothing(client, submit, redis, action, body, pointer, detail):
    job_id = submit()
    before = redis.dump(f"rq:job:{job_id}")

    alone = client.post(f"/api/v1/jobs/{job_id}/{action}", json=body)
    many = client.post("/api/v1/jobs:bulk", json={"action": action, "filter": {}, "expected_count": 1, **body})

    for answer in (alone, many):
        assert answer.status_code == 422
        assert answer.json["errors"][0]["pointer"] == pointer
        assert answer.json["errors"][0]["detail"].startswith(detail)
    assert redis.dump(f"rq:job:{job_id}") == before


def test_the_page_asks_for_the_option_and_keeps_what_was_typed(client, submit):
    job_id = submit(at=LATER)
    assert 'name="queue"' in client.get(f"/jobs/{job_id}?confirm=move").text

    wrong = client.post(f"/jobs/{job_id}/reschedule", data={"at": "2020-01-01T00:00"}, follow_redirects=True)
    right = client.post(f"/jobs/{job_id}/reschedule", data={"at": f"{LATEST:%Y-%m-%dT%H:%M}"}, follow_redirects=True)

    assert "This time has passed." in wrong.text
    assert 'value="2020-01-01T00:00"' in wrong.text
    assert "The job is rescheduled." in right.text


def test_many_jobs_are_moved_from_the_list(client, submit, jobs):
    ids = [submit(), submit()]
    asked = client.post("/jobs?status=queued", data={"action": "move", "all": "1"})
    wrong = client.post("/jobs?status=queued", data={"action": "move", "all": "1", "expected_count": "2", "queue": "x"})
    done = client.post(
        "/jobs?status=queued", data={"action": "move", "all": "1", "expected_count": "2", "queue": "low"}
    )

    assert "Move 2 queued jobs?" in asked.text
    assert 'name="queue"' in asked.text
    assert (wrong.status_code, "There is no queue" in wrong.text) == (422, True)
    assert done.location == "/jobs?status=queued&done=move.moved-2"
    assert [jobs.get(job_id).queue for job_id in ids] == ["low", "low"]
