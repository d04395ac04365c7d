"""`@task(every=…)`: the schedule travels in the catalog, and a wrong one is named."""

from __future__ import annotations

import pytest

from taskdesk.jobs.keys import SCHEDULES
from taskdesk.jobs.schedules.store import Schedules
from taskdesk.worker.supervisor.worker import TaskWorker
from tests.conftest import preloaded


def test_the_schedule_of_a_task_is_in_the_catalog(discover_source):
    registry = discover_source(
        reports="from taskdesk import task\n@task(every='15 6 * * 1-5', zone='Europe/Berlin', overlap='queue')\n"
        "def report(day: str = 'today'): ...\ndef other(): ..."
    )

    schedule = registry.catalog.tasks["report"].schedule
    assert (schedule["every"], schedule["zone"], schedule["overlap"]) == ("15 6 * * 1-5", "Europe/Berlin", "queue")
    assert registry.catalog.tasks["other"].schedule is None


@pytest.mark.parametrize(
    ("declared", "parameters", "sentence"),
    [
        ("every='61 * * * *'", "", "every: Must be a cron string of five fields"),
        ("every='0 0 30 2 *'", "", "every: No month has this day"),
        ("every=10", "", "every: Must be text"),
        ("every='10m', zone='Berlin'", "", "zone: Must be the name of a time zone"),
        ("every='10m', missed='never'", "", "missed: Must be one of: skip, latest, all"),
        ("every='10m', overlap=1", "", "overlap: Must be one of: skip, queue, cancel"),
        ("every='10m'", "day: str", "the task needs day, and a schedule in code passes no arguments"),
    ],
)
def test_a_wrong_schedule_makes_the_task_broken_with_a_sentence(discover_source, declared, parameters, sentence):
    registry = discover_source(
        reports=f"from taskdesk import task\n@task({declared})\ndef report({parameters}): ...\ndef other(): ..."
    )

    [broken] = registry.catalog.broken
    assert broken.module == "some_tasks.reports.report"
    assert f"its schedule can't be used: {sentence}" in broken.error
    assert list(registry.catalog.tasks) == ["other"]


def test_a_worker_writes_the_schedules_of_its_tasks_when_it_starts(discover_source, worker_settings, redis):
    registry = discover_source(reports="from taskdesk import task\n@task(every='10m')\ndef report(): ...")

    TaskWorker(worker_settings, preloaded(registry), redis).work(burst=True, logging_level="WARNING")

    assert redis.zrange(SCHEDULES, 0, -1) == [b"code-report"]
    assert Schedules(redis, None, ()).get("code-report").definition.every == "10m"
