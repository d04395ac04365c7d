"""`taskdesk schedules import`: the schedules of rq-scheduler and of `rq cron`."""

from __future__ import annotations

import json

import pytest
from redis import Redis
from rq import Queue
from rq.cron import CronScheduler
from rq.job import Job
from rq.serializers import DefaultSerializer, JSONSerializer

from taskdesk.jobs.keys import RQ_SCHEDULER_JOBS
from tests.sample_tasks.good import echo

NAMES = {"pickle": DefaultSerializer, "json": JSONSerializer}


@pytest.fixture
def scheduled(redis):
    """Store a job as the package rq-scheduler does: the job, and its id in a sorted set by its next time."""

    def scheduled(job_id: str, *args, serializer="pickle", function="tests.sample_tasks.good.echo", **meta) -> None:
        job = Job.create(function, args, connection=redis, id=job_id, origin="default", serializer=NAMES[serializer])
        job.meta = meta
        job.save()
        redis.zadd(RQ_SCHEDULER_JOBS, {job_id: 1_900_000_000})

    return scheduled


def shown(run, schedule_id: str) -> dict:
    return json.loads(run("schedules", "show", schedule_id, "--json").stdout)


@pytest.mark.parametrize("serializer", NAMES)
def test_the_cron_strings_and_intervals_of_rq_scheduler_are_imported(run, scheduled, serializer):
    scheduled(
        "nightly", "a", 2, serializer=serializer, cron_string="15 6 * * 1-5", use_local_timezone=True, repeat=None
    )
    scheduled("often", "b", serializer=serializer, interval=600, repeat=None)

    done = run("schedules", "import", "--zone", "Europe/Berlin")

    assert (done.exit_code, "Stop rq-scheduler" in done.stderr) == (0, True)
    nightly, often = shown(run, "rq-nightly"), shown(run, "rq-often")
    assert (nightly["every"], nightly["zone"]) == ("15 6 * * 1-5", "Europe/Berlin")
    assert nightly["arguments"] == {"text": "a", "times": 2}
    assert (often["every"], often["start"], often["arguments"]["text"]) == ("10m", "2030-03-17T17:46:40.000Z", "b")


def test_the_schedules_of_a_running_rq_cron_are_imported(run, redis):
    cron = CronScheduler(connection=redis, name="cron")
    cron.register(echo, "low", args=("a",), cron="0 6 * * *", name="morning")
    cron.register(echo, "default", kwargs={"text": "b"}, interval=60)
    cron.register_birth()

    done = run("schedules", "import", "--zone", "Europe/Berlin")

    lines = [line.split("\t") for line in done.stdout.splitlines()]
    assert (done.exit_code, [line[1:] for line in lines]) == (0, [["echo", "0 6 * * *"], ["echo", "1m"]])
    morning = shown(run, lines[0][0])
    assert (morning["zone"], morning["queue"], morning["arguments"]["text"]) == ("Europe/Berlin", "low", "a")


@pytest.mark.parametrize(
    ("arguments", "meta", "sentence"),
    [
        (("a",), {"interval": 600, "repeat": 3}, "it repeats 3 times only"),
        (("a",), {}, "it runs once"),
        (("a",), {"interval": 5}, "An interval has to be 10s to 366d"),
        (("a",), {"interval": 600, "note": [1]}, "its meta is a pickle of more than words and numbers"),
        ((object(),), {"interval": 600}, "its call can't be read"),
        ((), {"interval": 600}, "text"),
        (("a", 1, 2, 3), {"interval": 600}, "positional arguments"),
        (("a",), {"cron_string": "* * * * * *"}, "a cron string of five fields"),
    ],
)
def test_what_cannot_be_imported_is_named_and_the_others_are(run, scheduled, redis, arguments, meta, sentence):
    scheduled("other", "a", interval=600)
    job = Job.create("tests.sample_tasks.good.echo", arguments, connection=redis, id="wrong", origin="default")
    job.description = job.get_call_string()
    job.meta = meta
    job.save() if "object" not in repr(arguments) else redis.hset(
        "rq:job:wrong",
        mapping={"data": b"\x80\x04N.", "description": "f(<object object>)", "meta": job.serializer.dumps(meta)},
    )
    redis.zadd(RQ_SCHEDULER_JOBS, {"wrong": 1})

    done = run("schedules", "import")

    assert done.exit_code == 1
    assert "Not imported: rq-scheduler: wrong: " in done.stderr
    assert sentence in done.stderr
    assert done.stdout.startswith("rq-other\techo\t10m")


def test_a_task_that_nobody_announces_and_a_job_that_is_gone_are_named(run, scheduled, redis: Redis):
    scheduled("unknown", function="other.program", interval=600)
    redis.zadd(RQ_SCHEDULER_JOBS, {"gone": 1})

    done = run("schedules", "import")

    assert "No worker has announced a task named 'other.program'" in done.stderr
    assert "rq-scheduler: gone: its job is gone" in done.stderr


def test_a_dry_run_changes_nothing_and_an_import_that_is_repeated_makes_no_second_one(run, scheduled, redis):
    scheduled("often", "a", interval=600)

    assert run("schedules", "import", "--dry-run").stdout == "rq-often\techo\t10m\n"
    assert run("schedules").stdout.count("rq-often") == 0

    run("schedules", "import")
    assert "There is a schedule 'rq-often'" in run("schedules", "import").stderr
    assert Queue("default", connection=redis).count == 0
