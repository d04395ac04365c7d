"""What the API says about a queue for an autoscaler: how long its oldest job waits, and how many workers it wants."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from taskdesk.jobs.keys import PAUSED, WIP, ended_key, index_key, job_key, queue_key, registry_key, statistics_key
from taskdesk.service import clock


@pytest.fixture
def queue(client):
    """What the API shows of the queue `default`."""
    return lambda **query: client.get("/api/v1/queues/default", query_string=query).json


@pytest.fixture
def age(redis):
    """Make a queued job so many seconds older."""

    def age(job_id: str, seconds: float) -> None:
        at = datetime.fromtimestamp(clock.sync(redis), UTC) - timedelta(seconds=seconds)
        redis.hset(job_key(job_id), "enqueued_at", at.strftime("%Y-%m-%dT%H:%M:%S.%fZ"))

    return age


@pytest.fixture
def schedule(submit, redis):
    """Submit a job whose time was so many seconds ago, and that nobody has queued yet."""

    def schedule(seconds: float) -> str:
        job_id = submit(at=(clock.utc_now() + timedelta(hours=1)).isoformat())
        redis.zadd(registry_key("scheduled", "default"), {job_id: clock.sync(redis) - seconds})
        return job_id

    return schedule


@pytest.fixture
def busy(redis):
    """Let so many jobs of the queue run."""

    def busy(count: int) -> None:
        for n in range(count):
            redis.zadd(registry_key(WIP, "default"), {f"job{n}:x": clock.now() + 99})

    return busy


@pytest.fixture
def commands(redis):
    """Return how often each command of Redis is called while something is done, but for those of the catalog."""

    def commands(do) -> dict[str, int]:
        do()  # the catalog is read at most once a second
        redis.config_resetstat()
        do()
        calls = {name: figures["calls"] for name, figures in redis.info("commandstats").items()}
        return {name: calls[f"cmdstat_{name}"] for name in ("hget", "lrange", "zcount", "zrangebyscore", "hgetall")}

    return commands


def test_the_age_is_that_of_the_oldest_job_also_if_a_younger_one_is_next(queue, submit, age, redis):
    old, young = submit(), submit()
    age(old, 3600)
    redis.lpop(queue_key("default"))
    redis.rpush(queue_key("default"), old)

    assert redis.lindex(queue_key("default"), 0).decode() == young
    assert queue()["oldest_seconds"] == pytest.approx(3600, abs=20)


def test_a_scheduled_job_waits_from_its_time_on(queue, schedule, submit):
    submit(at=(clock.utc_now() + timedelta(hours=1)).isoformat())
    assert (queue()["oldest_seconds"], queue()["wanted_workers"]) == (0, 0)

    schedule(500)

    assert queue()["oldest_seconds"] == pytest.approx(500, abs=20)
    assert queue()["wanted_workers"] == 1


def test_an_empty_queue_wants_no_worker(queue):
    assert (queue()["oldest_seconds"], queue()["oldest_at"], queue()["wanted_workers"]) == (0, None, 0)


def test_without_a_known_duration_each_job_wants_a_worker(queue, submit, busy):
    submit()
    submit()
    busy(1)

    assert queue()["wanted_workers"] == 3


@pytest.mark.parametrize(
    ("waiting", "running", "mean", "target", "wanted"),
    [
        (10, 0, 12, 60, 2),  # 120 s of work in 60 s
        (10, 2, 15, 60, 3),
        (10, 0, 12, 120, 1),
        (10, 0, 0.001, 60, 1),  # at least one, while a job waits
        (0, 4, 0.001, 60, 4),  # and one for each that is running
        (3, 1, 3600, 60, 4),  # at most one for each job
    ],
)
def test_the_workers_that_bring_the_wait_under_the_target(
    queue, submit, busy, redis, registry, waiting, running, mean, target, wanted
):
    for _ in range(waiting):
        submit()
    busy(running)
    attempts = {"succeeded": 4, "run:60": 4, "run_sum": 4 * mean}
    redis.hset(statistics_key(registry.catalog.tasks["echo"].reference), mapping=attempts)

    assert queue(target=target)["wanted_workers"] == wanted


def test_a_paused_queue_wants_workers_for_its_running_jobs_only(queue, submit, busy, client):
    submit()
    busy(1)
    client.patch("/api/v1/queues/default", json={"paused": True})

    assert queue()["wanted_workers"] == 1


def test_the_list_has_the_same_figures(queue, client, submit):
    submit()

    listed = {one["name"]: one["wanted_workers"] for one in client.get("/api/v1/queues").json["data"]}

    assert listed == {"high": 0, "default": queue()["wanted_workers"], "low": 0}
    assert client.get("/api/v1/queues?target=5").json["data"][1]["wanted_workers"] == 1


@pytest.mark.parametrize("address", ["/api/v1/queues", "/api/v1/queues/default"])
@pytest.mark.parametrize(
    "query", ["target=0", "target=1.5", "target=a", "target=86401", "target=", "target=1&target=2"]
)
def test_a_wrong_target_is_refused(client, address, query):
    answer = client.get(f"{address}?{query}")

    assert (answer.status_code, answer.json["errors"][0]["pointer"]) == (422, "/target")


@pytest.mark.parametrize(
    "key",
    [
        queue_key("default"),
        *(registry_key(name, "default") for name in ("scheduled", WIP, "finished")),
        index_key("default", "failed"),
        PAUSED,
        ended_key("default"),
    ],
)
def test_a_key_of_another_type_breaks_no_queue(client, submit, redis, key):
    submit(queue="low")
    redis.delete(key)
    redis.set(key, "a") if key == ended_key("default") else redis.hset(key, "a", "b")

    queues = {one["name"]: one for one in client.get("/api/v1/queues").json["data"]}

    assert (queues["default"]["wanted_workers"], queues["low"]["wanted_workers"]) == (0, 1)


@pytest.mark.parametrize("value", ["x", "", "9999-12-31T23:59:59Z", b"\xff"])
def test_an_unreadable_time_is_no_age(queue, submit, redis, value):
    redis.hset(job_key(submit()), "enqueued_at", value)

    assert (queue()["oldest_seconds"], queue()["wanted_workers"]) == (0, 1)


def test_a_queue_costs_the_same_with_ten_thousand_jobs(queue, submit, commands, redis):
    for _ in range(20):
        submit()
    few = commands(queue)
    redis.rpush(queue_key("default"), *(f"id{n}" for n in range(10_000)))

    assert commands(queue) == few
