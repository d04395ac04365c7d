"""Schedules that stand in the code of tasks follow the catalog."""

from __future__ import annotations

import json
import time

import pytest

from taskdesk.jobs.catalog import Catalog, announce
from taskdesk.jobs.catalog_reader import CatalogReader
from taskdesk.jobs.keys import RQ_WORKERS, schedule_key, worker_key
from taskdesk.jobs.schedules.code import sync_code_schedules
from taskdesk.jobs.schedules.definition import Definition
from taskdesk.jobs.schedules.errors import ScheduleInCode, ScheduleNotFound
from taskdesk.jobs.schedules.schedule import code_id
from taskdesk.jobs.schedules.store import Schedules


@pytest.fixture
def declare(redis, registry):
    """Announce `takes_anything` with this schedule as the newest catalog, of a worker that is online."""

    def declare(every: str = "", worker: str = "w", **values: object) -> None:
        spec = registry.catalog.tasks["takes_anything"]
        if every:
            spec = spec.model_copy(update={"schedule": Definition(spec.name, every).as_values() | values})
        catalog = Catalog(tasks={"echo": registry.catalog.tasks["echo"], spec.name: spec})
        announce(redis, catalog)
        redis.sadd(RQ_WORKERS, worker_key(worker))
        redis.hset(worker_key(worker), mapping={"queues": "default", "catalog": catalog.digest, "state": "idle"})

    return declare


@pytest.fixture
def sync(redis):
    return lambda: sync_code_schedules(redis, CatalogReader(redis))


class AlwaysReads(CatalogReader):
    def read(self, *, max_age=0.0):
        return super().read(max_age=-1)


@pytest.fixture
def schedules(redis, registry):
    return Schedules(redis, AlwaysReads(redis), ("default",))


def test_a_declared_schedule_is_there_and_can_only_be_paused(declare, sync, schedules):
    declare("0 6 * * *")
    sync()

    schedule = schedules.get("code-takes_anything")
    assert (schedule.definition.every, schedule.is_code) == ("0 6 * * *", True)
    assert schedule.next > time.time()
    for refused in (lambda: schedules.change(schedule.id, {"queue": "low"}), lambda: schedules.delete(schedule.id)):
        with pytest.raises(ScheduleInCode):
            refused()
    assert schedules.pause(schedule.id, "holidays").pause.reason == "holidays"


def test_a_changed_declaration_holds_from_then_on_and_keeps_a_pause(declare, sync, schedules):
    declare("0 6 * * *")
    sync()
    schedules.pause("code-takes_anything", "holidays")

    declare("0 7 * * *")
    sync()

    schedule = schedules.get("code-takes_anything")
    assert (schedule.definition.every, schedule.pause.reason, schedule.next) == ("0 7 * * *", "holidays", None)


def test_what_has_not_changed_is_not_written_again(declare, sync, redis):
    declare("0 6 * * *")
    sync()
    before = redis.hgetall(schedule_key("code-takes_anything"))

    sync()

    assert redis.hgetall(schedule_key("code-takes_anything")) == before


def test_a_removed_declaration_removes_the_schedule(declare, sync, schedules):
    declare("0 6 * * *")
    sync()

    declare()
    sync()

    with pytest.raises(ScheduleNotFound):
        schedules.get("code-takes_anything")


def test_a_schedule_stays_while_nobody_announces_its_task_and_can_be_deleted_then(
    declare, sync, schedules, redis, registry
):
    declare("0 6 * * *")
    sync()

    announce(redis, Catalog(tasks={"echo": registry.catalog.tasks["echo"]}))
    redis.delete(worker_key("w"))
    sync()

    assert schedules.get("code-takes_anything")
    schedules.delete("code-takes_anything")
    with pytest.raises(ScheduleNotFound):
        schedules.get("code-takes_anything")


def test_during_a_deploy_the_newest_catalog_decides(declare, sync, schedules):
    declare("0 6 * * *", worker="old")
    declare("0 7 * * *", worker="new")
    sync()

    assert schedules.get("code-takes_anything").definition.every == "0 7 * * *"


def test_a_deleted_schedule_that_is_still_declared_comes_back(declare, sync, schedules, redis):
    declare("0 6 * * *")
    sync()
    redis.delete(schedule_key("code-takes_anything"))

    sync()

    assert schedules.get("code-takes_anything").next


@pytest.mark.parametrize("values", [{"zone": "Mars/Olympus"}, {"every": "99 99 * * *"}, {"tags": None}])
def test_a_schedule_of_another_worker_that_can_not_be_read_here_keeps_no_worker_from_its_start(
    declare, sync, schedules, values
):
    declare("0 6 * * *")
    sync()
    declare(**{"every": "0 7 * * *", **values})
    sync()

    assert schedules.get("code-takes_anything").definition.every == "0 6 * * *"


def test_while_redis_is_full_a_worker_starts_and_its_schedule_is_written_later(declare, sync, schedules, redis):
    declare("0 6 * * *")
    redis.config_set("maxmemory", 1)
    try:
        sync()
    finally:
        redis.config_set("maxmemory", 0)
    with pytest.raises(ScheduleNotFound):
        schedules.get("code-takes_anything")

    sync()

    assert schedules.get("code-takes_anything").next


@pytest.mark.parametrize("values", [{"zone": "Mars/Olympus"}, {"every": "99 99 * * *"}])
def test_a_schedule_whose_time_is_damaged_is_left_out_of_the_list(declare, sync, schedules, redis, values):
    declare("0 6 * * *")
    sync()
    damaged = schedules.get("code-takes_anything").definition.as_values() | values
    redis.hset(schedule_key("code-takes_anything"), "definition", json.dumps(damaged))

    assert schedules.page(0, 10) == ([], 1)


def test_a_task_of_any_name_has_an_id():
    assert code_id("report") == "code-report"
    assert code_id("größe").startswith("code-")
    assert len(code_id("a" * 200)) < 60
