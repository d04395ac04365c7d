"""Each slot of a schedule runs once, or is skipped with its reason."""

from __future__ import annotations

import logging
from datetime import UTC, datetime

import pytest

from taskdesk.jobs.catalog_reader import CatalogReader
from taskdesk.jobs.job import Retention
from taskdesk.jobs.keys import SCHEDULES, job_key, schedule_key
from taskdesk.jobs.rq_time import now_text
from taskdesk.jobs.schedules.firing import Firing
from taskdesk.jobs.schedules.late import lag_of, late_among, late_schedules
from taskdesk.jobs.schedules.skip import why_skipped
from taskdesk.jobs.status import Status
from taskdesk.worker.scripts import TICK

HOUR = 3600
HOURLY = {"task": "echo", "every": "1h", "arguments": {"text": "a"}}


def stamp(slot: int) -> str:
    return f"{datetime.fromtimestamp(slot, UTC):%Y%m%dT%H%M%SZ}"


@pytest.fixture
def hourly(schedules):
    return lambda **values: schedules.create({**HOURLY, **values}, schedule_id="s")


@pytest.fixture
def slots(schedules):
    """The last slots, the latest first: a status, or why it was skipped."""
    return lambda: [slot.skip or slot.status for slot in schedules.slots([schedules.get("s")])[0]]


def test_a_slot_that_is_due_becomes_a_job_whose_id_names_it(hourly, fire_at, jobs, schedules):
    slot = hourly(tags=["nightly"], queue="low").next

    fire_at(slot + 1)

    job = jobs.get(f"s-{stamp(slot)}")
    assert (job.task, job.input, job.queue, job.tags) == ("echo", {"text": "a"}, "low", ("nightly", "schedule:s"))
    assert job.status == "queued"
    assert schedules.get("s").next == slot + HOUR


def test_nothing_happens_before_the_slot(hourly, fire_at, job_ids):
    fire_at(hourly().next - 1)

    assert job_ids() == []


def test_a_slot_that_is_fired_twice_runs_once(hourly, fire_at, redis, job_ids):
    slot = hourly().next
    fire_at(slot + 1)

    fire_at(slot + 1)
    redis.zadd(SCHEDULES, {"s": slot})
    fire_at(slot + 2)

    assert job_ids() == [f"s-{stamp(slot)}"]


def test_a_process_that_read_before_another_fired_does_nothing(hourly, make_firing, redis):
    slot = hourly().next
    slow, fast = make_firing(), make_firing()
    call = slow._call

    def overtaken(schedule):
        fast.fire(["s"], slot + 1, seconds=10)
        redis.delete(job_key(f"s-{stamp(slot)}"))  # its job has ended, and is not kept
        return call(schedule)

    slow._call = overtaken
    slow.fire(["s"], slot + 1, seconds=10)

    assert not redis.exists(job_key(f"s-{stamp(slot)}"))


@pytest.mark.parametrize(
    ("missed", "expected"),
    [("skip", ["missed"] * 5), ("latest", ["queued"] + ["missed"] * 4), ("all", ["queued"] * 5)],
)
def test_after_redis_was_away_the_missed_slots_do_what_the_schedule_says(hourly, fire_at, slots, missed, expected):
    slot = hourly(missed=missed, overlap="queue", zone="Europe/Berlin").next

    fire_at(slot + 4 * HOUR + 600)

    waits = {"queued": Status.SCHEDULED}  # with this overlap, a limit of RQ lets one after the other start
    assert slots() == [waits.get(one, one) for one in expected]


def test_a_slot_is_skipped_while_a_job_has_not_ended(hourly, fire_at, slots, jobs, caplog):
    slot = hourly(overlap="skip").next
    fire_at(slot)
    fire_at(slot + HOUR)
    jobs.cancel(f"s-{stamp(slot)}")

    fire_at(slot + 2 * HOUR)

    assert slots() == ["queued", "overlap", "canceled"]
    assert f"Job s-{stamp(slot)} of this schedule had not ended." in caplog.text


def test_the_job_before_is_canceled_if_the_schedule_says_so(hourly, fire_at, slots):
    slot = hourly(overlap="cancel").next

    fire_at(slot)
    fire_at(slot + HOUR)

    assert slots() == ["queued", "canceled"]


def test_jobs_wait_for_each_other_if_the_schedule_says_so(hourly, rewind, redis, jobs, run_worker, job_ids):
    hourly(overlap="queue", missed="all")
    rewind("s", hours=3)

    def tick() -> tuple[list[str], int, list[bytes]]:
        return TICK(redis, "someone", now_text(), "{}", "", "default")

    *_, [due], now = tick()
    Firing(redis, jobs, CatalogReader(redis), Retention(100, 200)).fire([due.decode()], float(now), seconds=10)
    tick()
    waiting = [jobs.get(job_id).status for job_id in job_ids()]
    run_worker()

    assert waiting == ["queued", "waiting", "waiting"]
    assert [jobs.get(job_id).status for job_id in job_ids()] == ["succeeded"] * 3


def test_a_worker_fires_what_is_due(hourly, rewind, run_worker, slots):
    hourly(missed="all", overlap="queue")
    rewind("s", hours=3)

    run_worker()

    assert slots() == ["succeeded"] * 3


def test_jitter_puts_a_job_off_for_the_same_time_whoever_fires_it(hourly, fire_at, jobs):
    schedule = hourly(jitter=600)
    due = schedule.due(schedule.next)

    fire_at(schedule.next)

    assert schedule.next <= due <= schedule.next + 600
    assert jobs.get(f"s-{stamp(schedule.next)}").scheduled_at == datetime.fromtimestamp(due, UTC)


def test_a_schedule_whose_task_is_gone_waits_for_a_deploy_then_says_so(
    hourly, fire_at, slots, redis, schedules, caplog
):
    slot = hourly().next
    definition = redis.hget(schedule_key("s"), "definition").replace(b"echo", b"gone")
    redis.hset(schedule_key("s"), "definition", definition)

    fire_at(slot + 1)
    waiting = schedules.get("s")
    late = late_schedules(redis, slot + 61)
    with caplog.at_level(logging.WARNING):
        fire_at(slot + 301)

    assert (waiting.held, slots()) == ("No worker announced the task gone.", ["no_task"])
    assert [tuple(one) for one in late] == [("s", slot)]
    assert "No worker announced the task gone." in caplog.text
    assert schedules.get("s").next == slot + HOUR


def test_a_slot_that_was_missed_while_its_task_was_gone_says_so(schedules, fire_at, redis):
    slot = schedules.create({**HOURLY, "every": "1m"}, schedule_id="s").next
    definition = redis.hget(schedule_key("s"), "definition").replace(b"echo", b"gone")
    redis.hset(schedule_key("s"), "definition", definition)

    fire_at(slot + 1)
    fire_at(slot + 130)

    missed = schedules.slots([schedules.get("s")])[0]
    reason = "No worker announced the task gone."
    assert [(one.skip, why_skipped(one.skip, one.detail)) for one in missed] == [("missed", reason)] * 2


def test_arguments_that_the_task_no_longer_takes_skip_the_slot(hourly, fire_at, slots, redis, schedules):
    slot = hourly().next
    redis.hset(schedule_key("s"), "definition", redis.hget(schedule_key("s"), "definition").replace(b"text", b"word"))

    fire_at(slot)

    [[entry]] = schedules.slots([schedules.get("s")])
    assert (entry.skip, "text" in entry.detail) == ("arguments", True)
    assert [one.slot for one in late_schedules(redis, slot + 61)] == [slot]


@pytest.mark.parametrize("damage", ["no hash", "no definition", "no JSON", "no key"])
def test_a_damaged_schedule_harms_no_other(hourly, schedules, fire_at, redis, job_ids, damage):
    slot = hourly().next
    other = schedules.create(HOURLY, schedule_id="other")
    key = schedule_key("s")
    {
        "no hash": lambda: (redis.delete(key), redis.set(key, "x")),
        "no definition": lambda: redis.hdel(key, "definition"),
        "no JSON": lambda: redis.hset(key, "definition", b"\xff{"),
        "no key": lambda: redis.delete(key),
    }[damage]()

    fire_at(slot + 1)
    assert job_ids() == [f"other-{stamp(other.next)}"]
    assert redis.zscore(SCHEDULES, "s") in (slot, None)

    fire_at(slot + 62)
    assert (redis.zscore(SCHEDULES, "s") or slot + 362) == slot + 362
    schedules.page(0, 10)


def test_a_schedule_that_one_process_cannot_read_is_fired_by_another(hourly, rewind, redis, make_firing, slots, caplog):
    hourly()
    rewind("s", hours=1)
    old, new = make_firing(), make_firing()

    def cannot_read(schedule):
        raise KeyError("overlap")

    def tick(name, firing):
        *_, due, now = TICK(redis, name, now_text(), "{}", "", "default")
        return firing.fire([schedule_id.decode() for schedule_id in due], float(now), seconds=10)

    old._call = cannot_read
    assert [tick("old", old), tick("old", old)] == [False, False]  # it does not tick again at once
    assert caplog.text.count("schedule s can't be fired here: KeyError('overlap')") == 1

    assert tick("new", new) is True
    assert slots() == ["queued"]


def test_page_and_alert_have_one_rule_for_what_is_late(hourly, schedules, fire_at, redis, slots):
    slot = hourly().next
    schedules.create({**HOURLY, "every": "20h"}, schedule_id="other")

    def late(now):
        found = [one.schedule_id for one in late_schedules(redis, now)]
        assert late_among(redis, ["s", "gone"], now) == {*found} & {"s"}
        return "s" in found

    assert (late(slot + 59), late(slot + 60)) == (False, True)
    redis.hset(schedule_key("s"), "definition", redis.hget(schedule_key("s"), "definition").replace(b"text", b"word"))
    fire_at(slot + 60)
    assert slots() == ["arguments"]
    assert late(slot + 70)  # its next slot is not due, and the last one did not run

    schedules.pause("s")
    assert not late(slot + 70)


def test_a_full_queue_lets_the_slot_wait(hourly, make_firing, redis, schedules, fire_at, slots, jobs):
    slot = hourly(overlap="skip").next
    schedules.create({**HOURLY, "queue": "default"}, schedule_id="first")
    full = make_firing(max_queued=1)
    full.fire(["first", "s"], slot, seconds=10)
    assert "The queue default is full" in schedules.get("s").held
    assert (slots(), redis.zscore(SCHEDULES, "s")) == ([], slot + 15)

    jobs.delete(f"first-{stamp(slot)}")
    full.fire(["s"], slot + 15, seconds=10)

    assert (slots(), schedules.get("s").held) == (["queued"], "")
    assert late_schedules(redis, slot + 600) == []


def test_a_full_redis_lets_the_slot_wait(hourly, fire_at, redis, slots, leave, schedules):
    slot = hourly().next
    leave(1.01)
    fire_at(slot)
    held = schedules.get("s").held
    leave(0.5)

    fire_at(slot + 15)

    assert "Redis has no room" in held
    assert slots() == ["queued"]


def test_the_lag_is_that_of_the_slot_that_waits_longest(hourly, redis, fire_at):
    slot = hourly().next

    def lag(now: float) -> float:
        return lag_of(redis.zrangebyscore(SCHEDULES, "-inf", now, withscores=True), now)

    assert (lag(slot - 5), lag(slot + 5)) == (0, 5)
    fire_at(slot + 5)
    assert lag(slot + 5) == 0


def test_run_now_creates_a_job_and_settles_no_slot(hourly, make_firing, schedules, jobs, slots):
    schedule = hourly()

    job_id = make_firing().run_now(schedule, owner="ann")

    job = jobs.get(job_id)
    assert (job.status, job.owner, job.tags) == ("queued", "ann", ("schedule:s",))
    assert (slots(), schedules.get("s").next) == ([], schedule.next)
    assert schedules.get("s").jobs == (job_id,)


def test_the_last_thirty_slots_are_remembered(hourly, fire_at, slots):
    slot = hourly(missed="skip").next

    for n in range(35):
        fire_at(slot + n * HOUR)

    assert len(slots()) == 30
