"""With no worker online, the web lets scheduled jobs and schedules come due."""

from __future__ import annotations

from datetime import timedelta

import pytest

from taskdesk.jobs.desk import Desk
from taskdesk.jobs.keys import RQ_WORKERS, SCHEDULES, registry_key, schedule_key, scheduler_lock_key, worker_key
from taskdesk.service import clock
from taskdesk.web.ticker import Ticker


@pytest.fixture
def ticker(web_settings, redis):
    return Ticker(Desk(web_settings, redis))


@pytest.fixture
def due_job(client, redis):
    """A job that was scheduled, and whose time has come."""
    at = (clock.utc_now() + timedelta(hours=1)).isoformat()
    job = client.post("/api/v1/tasks/echo/jobs", query_string={"at": at}, json={"text": "a"}).json
    redis.zadd(registry_key("scheduled", "default"), {job["id"]: clock.now() - 1})
    return lambda: client.get(f"/api/v1/jobs/{job['id']}").json["status"]


@pytest.fixture
def due_schedule(client, redis, web_settings):
    desk = client.application.extensions["desk"]
    desk.schedules.create({"task": "echo", "every": "1h", "arguments": {"text": "a"}}, schedule_id="s")
    now = int(clock.sync(redis))
    redis.hset(schedule_key("s"), "settled", now - now % 3600 - 1)
    redis.zadd(SCHEDULES, {"s": now - 10})
    return lambda: [slot.skip or slot.status for slot in desk.schedules.slots([desk.schedules.get("s")])[0]]


@pytest.fixture
def online(redis, registry):
    """A worker of ours that serves these queues."""

    def online(queues: str) -> None:
        redis.sadd(RQ_WORKERS, worker_key("w"))
        record = {"queues": queues, "catalog": registry.catalog.digest, "state": "idle"}
        redis.hset(worker_key("w"), mapping=record)

    return online


def test_without_a_worker_jobs_and_schedules_come_due(ticker, due_job, due_schedule):
    ticker.tick()

    assert (due_job(), due_schedule()) == ("queued", ["queued"])


def test_an_autoscaler_goes_from_zero_workers_to_one_and_back(ticker, due_job, due_schedule, client, run_worker):
    def wanted() -> int:
        return client.get("/api/v1/queues/default").json["wanted_workers"]

    ticker.tick()
    before = wanted()

    run_worker()

    assert (before, due_job(), wanted()) == (2, "succeeded", 0)


def test_what_a_worker_serves_is_left_to_it(ticker, due_job, due_schedule, online, redis):
    online("high,default,low")

    ticker.tick()

    assert (due_job(), due_schedule()) == ("scheduled", [])
    assert not redis.exists(scheduler_lock_key("default"))


def test_a_queue_without_a_worker_is_served_while_others_have_one(ticker, due_job, due_schedule, online):
    online("high,low")

    ticker.tick()

    assert (due_job(), due_schedule()) == ("queued", [])


def test_a_queue_that_a_stock_scheduler_holds_is_left_to_it(ticker, due_job, redis):
    redis.set(scheduler_lock_key("default"), "stock", ex=60)

    ticker.tick()

    assert due_job() == "scheduled"
