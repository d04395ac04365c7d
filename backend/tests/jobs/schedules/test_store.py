"""Create, change, pause and delete schedules."""

from __future__ import annotations

import time

import pytest

from taskdesk.jobs.errors import InvalidArguments
from taskdesk.jobs.keys import SCHEDULES
from taskdesk.jobs.schedules.errors import ScheduleChanged, ScheduleExists, ScheduleNotFound
from taskdesk.jobs.schedules.store import save

DAILY = {"task": "echo", "every": "15 6 * * 1-5", "zone": "Europe/Berlin", "arguments": {"text": "a"}}


def test_a_schedule_comes_back_as_it_was_created(schedules):
    values = {**DAILY, "start": "2026-01-01T00:00:00Z", "tags": ["a"], "queue": "low", "jitter": "10m"}

    made = schedules.create(values, schedule_id="daily", owner="ann")

    assert schedules.get("daily") == made
    assert made.definition.as_values() == {
        **values,
        "start": "2026-01-01T00:00:00.000Z",
        "end": None,
        "jitter": 600,
        "missed": "latest",
        "missed_within": 86_400,
        "overlap": "skip",
    }
    assert (made.owner, made.is_code, made.pause) == ("ann", False, None)
    assert made.next > time.time() - 5
    assert schedules.page(0, 10) == ([made], 1)


def test_an_id_belongs_to_one_schedule(schedules):
    schedules.create(DAILY, schedule_id="daily")

    with pytest.raises(ScheduleExists):
        schedules.create(DAILY, schedule_id="daily")


@pytest.mark.parametrize(
    ("wrong", "pointer"),
    [
        ({"every": "61 * * * *"}, "/every"),
        ({"every": "0 0 30 2 *"}, "/every"),
        ({"every": "0 0 31 2,4 *"}, "/every"),
        ({"every": "* " * 5_000}, "/every"),
        ({"every": "x" * 10_000}, "/every"),
        ({"every": "* * * * * *"}, "/every"),
        ({"every": "5s"}, "/every"),
        ({"every": "99999d"}, "/every"),
        ({"every": None}, "/every"),
        ({"every": ["1h"]}, "/every"),
        ({"every": "* * ² * *"}, "/every"),
        ({"zone": "Europe/Atlantis"}, "/zone"),
        ({"zone": "../../etc/passwd"}, "/zone"),
        ({"zone": "localtime"}, "/zone"),
        ({"start": "tomorrow"}, "/start"),
        ({"start": "0001-01-01T00:00:00Z"}, "/start"),
        ({"start": "2030-01-01T00:00:00Z", "end": "2029-01-01T00:00:00Z"}, "/end"),
        ({"end": "2020-01-01T00:00:00Z"}, "/end"),
        ({"jitter": -1}, "/jitter"),
        ({"jitter": True}, "/jitter"),
        ({"missed": "some"}, "/missed"),
        ({"missed_within": 10**9}, "/missed_within"),
        ({"overlap": ["skip"]}, "/overlap"),
        ({"task": "unknown"}, "/task"),
        ({"arguments": {}}, "/arguments/text"),
        ({"arguments": []}, "/arguments"),
        ({"queue": "other"}, "/queue"),
        ({"tags": ["a b"]}, "/tags"),
        ({"tags": ["a"] * 10}, "/tags"),
        ({"tags": "a"}, "/tags"),
        ({"color": "red"}, "/color"),
    ],
)
def test_a_wrong_field_is_named(schedules, redis, wrong, pointer):
    with pytest.raises(InvalidArguments) as raised:
        schedules.create({**DAILY, **wrong})

    assert [error.pointer for error in raised.value.errors] == [pointer]
    assert not redis.exists(SCHEDULES)


@pytest.mark.parametrize("schedule_id", ["code-echo", "a b", "é", "a" * 61])
def test_an_id_has_plain_characters_and_is_none_of_a_task(schedules, schedule_id):
    with pytest.raises(InvalidArguments):
        schedules.create(DAILY, schedule_id=schedule_id)


def test_a_change_keeps_what_it_does_not_name(schedules):
    made = schedules.create(DAILY, schedule_id="daily", owner="ann")

    changed = schedules.change("daily", {"every": "0 7 * * *"})

    assert changed.definition.as_values() == {**made.definition.as_values(), "every": "0 7 * * *"}
    assert (changed.owner, changed.created_at) == ("ann", made.created_at)
    assert schedules.change("daily", {"queue": "low"}).next == changed.next


def test_of_two_changes_at_the_same_time_one_is_refused(schedules, redis):
    made = schedules.create(DAILY, schedule_id="daily")
    schedules.change("daily", {"queue": "low"})

    assert not save(redis, "daily", made.revision, made.next, {"definition": "{}"})
    assert schedules.get("daily").definition.queue == "low"


def test_a_paused_schedule_is_never_due_and_goes_on_without_its_slots(schedules, redis):
    schedules.create({**DAILY, "every": "10s"}, schedule_id="often")

    paused = schedules.pause("often", "the supplier is away", by="ann")
    assert (paused.next, paused.pause.reason, paused.pause.by) == (None, "the supplier is away", "ann")
    assert redis.zscore(SCHEDULES, "often") == float("inf")
    assert schedules.change("often", {"every": "20s"}).next is None

    resumed = schedules.resume("often")
    assert resumed.pause is None
    assert resumed.next > time.time() - 2


def test_a_reason_is_one_line(schedules):
    schedules.create(DAILY, schedule_id="daily")

    for reason in ("a\nb", "a" * 201):
        with pytest.raises(InvalidArguments):
            schedules.pause("daily", reason)


def test_a_deleted_schedule_is_gone_with_all_that_belongs_to_it(schedules, redis, fire_at):
    schedule = schedules.create({**DAILY, "every": "10s"}, schedule_id="often")
    fire_at(schedule.next)

    schedules.delete("often")

    assert redis.keys("taskdesk:schedule*") == []
    for call in (schedules.get, schedules.delete, schedules.resume, schedules.pause):
        with pytest.raises(ScheduleNotFound):
            call("often")


def test_a_change_that_another_one_overtook_says_so(schedules):
    schedules.create(DAILY, schedule_id="daily")
    checked = schedules.checked

    def overtaken(values, besides):
        schedules.checked = checked
        schedules.pause("daily")
        return checked(values, besides)

    schedules.checked = overtaken

    with pytest.raises(ScheduleChanged):
        schedules.change("daily", {"queue": "low"})
