"""Among short jobs the next one is reserved while one runs, and Redis hears of its end with the next one's begin."""

from __future__ import annotations

from contextlib import suppress

import pytest
from redis.exceptions import ConnectionError
from rq import Queue, Repeat, Retry
from rq.serializers import JSONSerializer

from taskdesk.jobs.job import Retention
from taskdesk.jobs.jobs import Jobs
from taskdesk.jobs.rq_time import now_text
from taskdesk.worker.discovery import discover
from taskdesk.worker.scripts import RELEASE
from taskdesk.worker.settings import WorkerSettings
from tests.conftest import wait_until
from tests.faults.catalog import QUEUES
from tests.faults.crashes import CUT_AFTER, CUT_BEFORE, KILLED_SENT, LOST, Fate, Killed, Supervisor, connect

SHORT, LONG = -1000, 1000  # seconds that jobs took lately


class WatchedFate(Fate):
    """It notes what is said to be at work whenever a command is sent."""

    def __init__(self):
        super().__init__()
        self.at_work = []
        self.page = None

    def next(self):
        running = self.page.read() if self.page else None
        if running and running.is_at_work:
            self.at_work.append(running.job_id)
        return super().next()


@pytest.fixture
def fate():
    return WatchedFate()


@pytest.fixture
def worker(redis_url, tmp_path, fate):
    """It says what happens in place of a task: `worker.run([(meddle, succeeds), ...], pace=...)`."""
    settings = WorkerSettings(
        redis_url=redis_url, data_dir=tmp_path, tasks="tests.faults.tasks", queues=QUEUES, _env_file=None
    )
    worker = Supervisor(settings, discover(settings), connect(redis_url, fate), [])
    worker.be_born()
    fate.page = worker._activity
    yield worker
    worker._folder.remove()


@pytest.fixture
def submit(worker, redis):
    task = worker._registry.catalog.tasks["effect"]
    return lambda count: Jobs(redis, QUEUES).submit_many(task, [{}] * count, Retention(result_ttl=100, failure_ttl=100))


@pytest.fixture
def status(redis):
    return lambda job_id: redis.hget(f"rq:job:{job_id}", "status")


def nothing(worker, job):
    pass


def test_nothing_is_said_to_be_at_work_that_has_not_begun(worker, submit, fate):
    first, second, third = submit(3)
    seen = []

    def look(worker, job):
        fate.at_work.clear()

    def cut(worker, job):
        seen.extend(fate.at_work)
        fate.arm(0, CUT_BEFORE)

    worker.run([(look, True), (cut, True), (nothing, True)], pace=SHORT)

    assert worker.begun == [first, second, third]
    assert seen == []
    assert third not in fate.at_work


def test_nothing_begins_that_was_given_back_while_redis_was_away(worker, submit, redis, fate):
    """Another takes it by then, in a real fault."""
    first, second = submit(2)

    def is_requeued(worker, job):
        RELEASE(redis, worker.name, now_text(), "requeued", "", job.execution, *[""] * 5)
        fate.arm(0, CUT_BEFORE)

    worker.run([(is_requeued, True), (nothing, True), (nothing, True)], pace=SHORT)

    assert worker.begun == [first, second]


def test_a_job_whose_end_waits_for_a_long_one_is_not_taken_for_lost(worker, submit, redis, status):
    """One that others wait for is ended as RQ does, which takes until the job after it has run."""
    first, second = submit(2)
    Queue("default", connection=redis, serializer=JSONSerializer).enqueue("tests.faults.tasks.effect", depends_on=first)

    def lasts(worker, job):
        redis.zadd("rq:wip:default", dict.fromkeys(redis.zrange("rq:wip:default", 0, -1), 1), xx=True)
        worker.heartbeat()
        redis.delete("taskdesk:sweep:grace")
        redis.set("taskdesk:sweep:last", redis.time()[0] - 5)
        worker._settlement.tick()

    worker.run([(nothing, True), (lasts, True), (nothing, True)], pace=SHORT)

    assert [status(first), status(second)] == [b"finished"] * 2
    assert len(worker.begun) == 3


def test_what_was_prefetched_outlives_the_process_of_those_before_it(worker, submit, redis, status, fate):
    jobs = submit(3)

    worker.run([(lambda *_: fate.arm(0, KILLED_SENT), True), (nothing, True)], pace=SHORT)
    worker.run([(nothing, True)] * 3, pace=LONG)

    assert worker.begun == jobs
    assert redis.zcard("rq:wip:default") == 0
    assert [status(job) for job in jobs] == [b"finished"] * 3


def test_a_stop_charges_no_attempt_to_a_job_whose_end_was_on_its_way(worker, submit, status, fate):
    first, second = submit(2)

    def is_killed(worker, job):
        worker._process.deadline = 0.0
        raise Killed

    worker.run([(lambda *_: fate.arm(0, LOST), True), (is_killed, True)], pace=SHORT)

    assert worker.begun == [first, second]
    assert [status(first), status(second)] == [b"queued"] * 2


@pytest.mark.parametrize("pace", [SHORT, LONG])
def test_a_success_counts_once_though_its_answer_was_lost(worker, submit, fate, pace):
    submit(2)

    worker.run([(lambda *_: fate.arm(0, CUT_AFTER), True), (nothing, True)], pace=pace)

    assert worker._activity.totals()[0]["default"] == 2


def test_a_beat_counts_once_though_its_answer_was_lost(worker, submit, redis, fate):
    submit(1)
    worker.run([(nothing, True)], pace=LONG)

    fate.arm(0, CUT_AFTER)
    with suppress(ConnectionError):
        worker._duties.send_heartbeat(None)
    worker._activity.succeeded("default", 1)
    worker._duties.send_heartbeat(None)
    worker._duties.send_heartbeat(None)

    assert redis.hget(worker.key, "successful_job_count") == b"2"


ENDINGS = {  # how a job is enqueued, and whether its function succeeds
    "plain": ({}, True),
    "others wait for it": ({}, True),
    "repeats": ({"repeat": Repeat(times=2, interval=60)}, True),
    "its result is not kept": ({"result_ttl": 0}, True),
    "fails": ({}, False),
    "fails and has another attempt": ({"retry": Retry(max=2)}, False),
}


@pytest.mark.parametrize("pace", [SHORT, LONG])
@pytest.mark.parametrize("ending", ENDINGS)
def test_a_job_that_is_canceled_while_it_runs_is_canceled_however_it_ends(worker, redis, status, ending, pace):
    options, succeeds = ENDINGS[ending]
    queue = Queue("default", connection=redis, serializer=JSONSerializer)
    queue.enqueue("tests.faults.tasks.effect", job_id="one", **options)
    queue.enqueue("tests.faults.tasks.effect", job_id="two")
    if ending == "others wait for it":
        queue.enqueue("tests.faults.tasks.effect", job_id="three", depends_on="one")
    answers = []

    worker.run([(lambda *_: answers.extend(Jobs(redis, QUEUES).cancel("one")), succeeds), (nothing, True)], pace=pace)

    assert answers == ["running"]
    assert (status("one"), status("two")) == (b"stopped", b"finished")
    assert not redis.exists("rq:finished:default") or redis.zrange("rq:finished:default", 0, -1) == [b"two"]
    assert redis.zcard("rq:wip:default") == redis.zcard("rq:scheduled:default") == 0


@pytest.mark.slow
def test_a_job_prefetched_behind_a_long_one_makes_way(worker_process, jobs, registry, redis, tmp_path):
    tasks = registry.catalog.tasks
    jobs.submit_many(tasks["echo"], [{"text": "a"}] * 300, Retention(result_ttl=100, failure_ttl=200))
    long = jobs.submit(tasks["wait_for"], {"path": str(tmp_path / "go")}, Retention(result_ttl=100, failure_ttl=200)).id
    after = jobs.submit_many(tasks["echo"], [{"text": "b"}] * 2, Retention(result_ttl=100, failure_ttl=200))

    # The first of them may be reserved for a moment, before it is known how long the long one takes.
    wait_until(lambda: jobs.get(long).status == "running")
    wait_until(lambda: [jobs.get(job_id).status for job_id in after] == ["queued", "queued"])

    assert redis.lrange("rq:queue:default", 0, -1) == [job_id.encode() for job_id in after]
    (tmp_path / "go").touch()
    wait_until(lambda: all(jobs.get(job_id).status == "succeeded" for job_id in [long, *after]))
