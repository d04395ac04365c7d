"""Lists of jobs: by whatever is asked for, newest first, without gaps and repetitions."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import count

import pytest
from rq.job import Job as RqJob
from rq.serializers import JSONSerializer

from taskdesk.jobs import listing
from taskdesk.jobs.errors import InvalidArguments
from taskdesk.jobs.job import Retention
from taskdesk.jobs.keys import JOBS, index_key, job_key, owner_key
from taskdesk.jobs.listing import Filter
from taskdesk.jobs.rq_time import now_text

RETENTION = Retention(result_ttl=100, failure_ttl=200)


@pytest.fixture
def submit(jobs, registry):
    return lambda task="echo", tags=(), **values: (
        jobs.submit(registry.catalog.tasks[task], values or {"text": "a"}, RETENTION, tags=tags).id
    )


@pytest.fixture
def ids(jobs):
    """The ids of all jobs that match, read page by page."""

    def ids(limit=2, **matching):
        found, cursor = [], None
        for _ in count():
            page, cursor = jobs.page(limit, cursor, Filter(**matching))
            assert len(page) <= limit
            found += [job.id for job in page]
            if not cursor:
                return found

    return ids


def test_jobs_are_found_by_status_as_they_move(submit, ids, run_worker, jobs):
    done, failed = submit(), submit("raises")
    run_worker()
    waiting, canceled = submit(), submit()
    jobs.cancel(canceled)

    assert ids(status="succeeded") == [done]
    assert ids(status="failed") == [failed]
    assert ids(status="queued") == [waiting]
    assert ids(status="canceled") == [canceled]
    assert ids(status="running") == ids(status="scheduled") == []


def test_a_job_that_waits_for_its_next_attempt_is_found_as_scheduled_and_its_number_stays(
    submit, ids, run_worker, tmp_path
):
    first = submit("fails_once", path=str(tmp_path / "seen"))
    second = submit()
    run_worker()

    assert ids(status="scheduled") == [first]
    assert ids() == [second, first]


def test_jobs_are_found_by_task_queue_tag_and_time_together(submit, ids):
    submit("echo", tags=["a"])
    start = datetime.now(UTC)
    wanted = submit("echo", tags=["a", "b"])
    submit("echo", tags=["b"])
    end = datetime.now(UTC)
    submit("raises", tags=["a"])
    submit("echo", tags=["a"])

    assert ids(task="echo", queue="default", status="queued", tag="a", since=start, until=end) == [wanted]
    assert ids(tag="nothing") == ids(task="nothing") == ids(queue="nothing") == []
    assert ids(since=end + timedelta(days=1)) == []


def test_jobs_are_found_by_their_owner_with_other_filters_until_they_are_deleted(redis, jobs, echo, ids):
    anns, bobs = (jobs.submit_many(echo, [{"text": "a"}] * 5, RETENTION, owner=owner) for owner in ("ann", "bob"))
    jobs.submit(echo, {"text": "a"}, RETENTION)
    jobs.submit(echo, {"text": "a"}, RETENTION, tags=["few"])  # its index is smaller than that of an owner
    jobs.cancel(*bobs[:2])

    assert ids(owner="ann") == anns[::-1]
    assert ids(owner="ann", tag="few") == []
    assert ids(owner="bob", status="canceled") == bobs[:2][::-1]
    assert ids(owner="bob", status="queued", task="echo", queue="default") == bobs[2:][::-1]
    assert ids(owner="eve") == []

    jobs.delete(*anns)
    assert ids(owner="ann") == []
    assert not redis.exists(owner_key("ann"))


def test_a_job_without_an_owner_is_in_no_index_of_owners(redis, submit):
    submit()

    assert redis.keys(owner_key("*")) == []


def test_jobs_are_found_by_the_beginning_of_their_id(submit, ids):
    ours = [submit() for _ in range(20)]

    assert ours[7] in ids(prefix=ours[7][:4])
    assert ids(prefix=ours[7]) == [ours[7]]


@pytest.mark.parametrize("matching", [{}, {"queue": "default"}, {"task": "echo"}, {"tag": "a"}])
def test_pages_lose_and_repeat_nothing_while_jobs_arrive_and_run(submit, jobs, run_worker, matching):
    ours = [submit(tags=["a"]) for _ in range(7)]
    found, cursor = [], None

    while True:
        page, cursor = jobs.page(2, cursor, Filter(**matching))
        found += [job.id for job in page]
        if not cursor:
            break
        submit(tags=["a"])
        run_worker()

    assert found == ours[::-1]


@pytest.mark.parametrize("cursor", ["", "7", "task.7", "tag.-7", "tag.7.", "tag", "status.1\n", "tag." + "1." * 400])
def test_a_cursor_that_is_none_of_this_list_is_refused(jobs, cursor):
    with pytest.raises(InvalidArguments):
        jobs.page(1, cursor, Filter(tag="few"))


@pytest.fixture
def queue_again(redis):
    """Queue a job again, as a worker does after a failed attempt: lua/index.lua gives it a new number there."""

    def queue_again(job_id):
        redis.zadd(index_key("default", "queued"), {job_id: redis.incr("taskdesk:sequence")})
        redis.hset(job_key(job_id), "enqueued_at", now_text())

    return queue_again


def test_a_list_goes_on_in_the_index_that_it_began_with(submit, jobs, queue_again):
    ours = [submit(tags=["few"]) for _ in range(4)]
    others = [submit() for _ in range(2)]
    page, cursor = jobs.page(1, None, Filter(status="queued", tag="few"))
    jobs.delete(*others, ours[0])  # now those that are queued are no more than those with the tag
    queue_again(ours[1])
    assert cursor.startswith("tag.")

    following, _ = jobs.page(5, cursor, Filter(status="queued", tag="few"))

    assert [job.id for job in [*page, *following]] == [ours[3], ours[2], ours[1]]


@pytest.mark.parametrize("matching", [{"status": "queued"}, {"queue": "default"}])
def test_a_job_that_was_queued_again_and_then_requeued_is_not_repeated(submit, jobs, redis, queue_again, matching):
    ours = [submit() for _ in range(6)]
    again = ours[1]
    queue_again(again)
    page, cursor = jobs.page(2, None, Filter(**matching))
    redis.zadd(index_key("default", "queued"), {again: redis.zscore(JOBS, again)})  # requeued: under its own number
    found = [job.id for job in page]

    while cursor:
        page, cursor = jobs.page(2, cursor, Filter(**matching))
        found += [job.id for job in page]

    assert found == [again, ours[5], ours[4], ours[3], ours[2], ours[0]]


def test_jobs_that_came_since_are_counted_wherever_they_stand_in_the_list(submit, jobs, run_worker):
    first, between, last = submit("raises"), submit(), submit("raises")
    jobs.cancel(between)
    run_worker()
    shown, _ = jobs.page(5, None, Filter(status="failed"))
    before = jobs.arrivals({job.id for job in shown}, None, Filter(status="failed"))

    late = submit("raises")
    run_worker()

    assert {job.id for job in shown} == {first, last}
    assert before == 0
    assert jobs.arrivals({first, last}, None, Filter(status="failed")) == 1
    assert jobs.arrivals({first, late}, None, Filter(status="failed")) == 1  # not the newest, but not shown
    assert jobs.arrivals({first, last}, None, Filter(status="failed", task="echo")) == 0


def test_older_jobs_than_a_page_shows_have_not_come_since(submit, jobs):
    for _ in range(5):
        submit()
    shown, cursor = jobs.page(2)
    submit()

    assert jobs.arrivals({job.id for job in shown}, cursor, Filter()) == 1


def test_a_search_that_finds_little_goes_on_with_the_next_page(submit, ids, monkeypatch):
    monkeypatch.setattr(listing, "MAX_EXAMINED", 4)
    monkeypatch.setattr(listing, "_CHUNK_ENTRIES", 2)
    wanted = submit(tags=["rare"])
    others = [submit() for _ in range(30)]

    assert ids(limit=1, queue="default", prefix=wanted) == [wanted]
    assert len(ids(queue="default")) == len(others) + 1


def test_what_other_tools_of_rq_have_moved_is_put_right_when_it_is_seen(submit, ids, redis, run_worker):
    job_id = submit("raises")
    run_worker()
    RqJob.fetch(job_id, connection=redis, serializer=JSONSerializer).requeue()

    assert ids(status="failed") == []
    assert ids(status="queued") == [job_id]


def test_a_list_does_not_load_what_jobs_were_given(submit, jobs):
    submit(text="long " * 1_000)

    [job] = jobs.page(1)[0]

    assert (job.input, job.summary[:12], len(job.summary) < 200) == (None, 'text="long l', True)


def test_a_job_that_rq_has_enqueued_is_shown_though_it_is_in_no_list(jobs, redis, registry, ids):
    from rq import Queue

    stock = Queue("default", connection=redis, serializer=JSONSerializer)
    job_id = stock.enqueue(registry.catalog.tasks["echo"].reference, kwargs={"text": "a"}).id

    assert (jobs.get(job_id).task, jobs.get(job_id).input) == ("echo", {"text": "a"})
    assert ids() == []
