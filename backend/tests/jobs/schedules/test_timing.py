"""The slots of a schedule: cron strings and intervals, also in the nights in which the clock changes."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from itertools import islice, pairwise
from zoneinfo import ZoneInfo

import pytest
from cronsim import CronSim
from hypothesis import given, settings
from hypothesis import strategies as st

from taskdesk.jobs.schedules.timing import Timing

BERLIN = "Europe/Berlin"
HOUR, DAY = 3600, 86_400


def unix(text: str) -> int:
    return int(datetime.fromisoformat(text).timestamp())


def utc(slots: list[int]) -> list[str]:
    return [f"{datetime.fromtimestamp(slot, UTC):%m-%d %H:%M}" for slot in slots]


def first(timing: Timing, after: str, count: int = 3) -> list[str]:
    return utc(list(islice(timing.after(unix(after)), count)))


def test_a_cron_string_goes_by_the_clock_of_its_zone():
    assert first(Timing("15 6 * * 1-5", zone=BERLIN), "2026-07-03T00:00Z") == [
        "07-03 04:15",
        "07-06 04:15",
        "07-07 04:15",
    ]
    assert first(Timing("15 6 * * 1-5", zone=BERLIN), "2026-12-31T00:00Z", 2) == ["12-31 05:15", "01-01 05:15"]


def test_a_slot_is_after_the_moment_and_not_at_it():
    timing = Timing("0 6 * * *")

    assert first(timing, "2026-07-03T06:00:00Z", 1) == ["07-04 06:00"]
    assert utc([next(timing.until(unix("2026-07-03T06:00:00Z")))]) == ["07-03 06:00"]


@pytest.mark.parametrize(
    ("cron", "zone", "after", "slots"),
    [
        ("30 2 * * *", BERLIN, "2026-03-28T12:00Z", ["03-29 01:00", "03-30 00:30"]),
        ("*/30 2 * * *", BERLIN, "2026-03-28T12:00Z", ["03-29 01:00", "03-30 00:00", "03-30 00:30"]),
        ("0 2,3 * * *", BERLIN, "2026-03-28T12:00Z", ["03-29 01:00", "03-30 00:00", "03-30 01:00"]),
        ("0 0 * * *", "Africa/Cairo", "2026-04-22T22:30Z", ["04-23 22:00", "04-24 21:00"]),
        ("15 2 * * *", "Australia/Lord_Howe", "2026-10-02T18:00Z", ["10-03 15:30", "10-04 15:15"]),
        ("30 12 29 12 *", "Pacific/Apia", "2011-12-01T00:00Z", ["12-29 22:30"]),
        ("30 12 30 12 *", "Pacific/Apia", "2011-12-01T00:00Z", ["12-30 10:00"]),  # a day that the island left out
    ],
)
def test_a_time_that_does_not_exist_has_its_slot_at_the_end_of_the_gap(cron, zone, after, slots):
    assert first(Timing(cron, zone=zone), after, len(slots)) == slots


@pytest.mark.parametrize(
    ("cron", "zone", "after", "slots"),
    [
        ("30 2 * * *", BERLIN, "2026-10-24T12:00Z", ["10-25 00:30", "10-26 01:30"]),
        ("*/30 2 * * *", BERLIN, "2026-10-24T12:00Z", ["10-25 00:00", "10-25 00:30", "10-26 01:00"]),
        ("30 1 * * *", "America/New_York", "2026-10-31T12:00Z", ["11-01 05:30", "11-02 06:30"]),
    ],
)
def test_a_time_that_comes_twice_has_one_slot(cron, zone, after, slots):
    assert first(Timing(cron, zone=zone), after, len(slots)) == slots


@pytest.mark.parametrize("night", ["2026-03-28T12:00Z", "2026-10-24T12:00Z"])
@pytest.mark.parametrize("cron", ["30 * * * *", "30 0-23 * * *", "*/20 * * * *"])
def test_a_schedule_for_every_hour_leaves_no_hour_out_and_repeats_none(cron, night):
    timing, begin = Timing(cron, zone=BERLIN), unix(night)

    slots = list(islice(timing.after(begin), 72))

    assert {after - before for before, after in pairwise(slots)} in ({HOUR}, {HOUR // 3})
    assert list(islice(timing.until(slots[-1]), 72)) == slots[::-1]


def test_a_slot_says_what_is_special_about_it():
    timing = Timing("30 2 * * *", zone=BERLIN)
    gap, plain, twice = unix("2026-03-29T01:00Z"), unix("2026-03-30T00:30Z"), unix("2026-10-25T00:30Z")

    assert timing.remark(gap) == "02:30 does not exist on this day: the clock goes forward. The job runs at 03:00."
    assert timing.remark(twice) == "02:30 comes twice on this day: the clock goes back. The job runs the first time."
    assert timing.remark(plain) == ""
    assert Timing("0 3 * * *", zone=BERLIN).remark(gap) == ""
    assert Timing("30 * * * *", zone=BERLIN).remark(twice) == ""


def test_an_interval_counts_from_its_start_or_from_1970():
    start = unix("2026-07-03T00:00:07Z")

    assert first(Timing(seconds=HOUR, start=start), "2026-07-01T00:00Z", 2) == ["07-03 00:00", "07-03 01:00"]
    assert next(Timing(seconds=HOUR, start=start).after(start)) == start + HOUR
    assert next(Timing(seconds=10).after(start)) == start + 3
    assert next(Timing(seconds=10).until(start)) == start - 7


def test_no_slot_is_before_the_start_or_at_the_end():
    start, end = unix("2026-07-03T06:00Z"), unix("2026-07-05T06:00Z")
    timing = Timing("0 6 * * *", start=start, end=end)

    assert list(timing.after(start - 10 * DAY)) == [start, start + DAY]
    assert list(timing.until(end + 10 * DAY)) == [start + DAY, start]
    assert timing.next(end) is None


def test_what_never_matches_has_no_slot_and_says_so_at_once():
    begin = time.perf_counter()

    assert Timing("0 0 29 2 MON#5", zone=BERLIN).next(unix("2101-01-01T00:00Z")) is not None
    assert list(islice(Timing("0 0 30 2 1", zone=BERLIN).after(0), 1)) != []  # a day of the month or of the week
    assert time.perf_counter() - begin < 5


CRONS = st.builds(
    "{} {} * * {}".format,
    st.sampled_from(["0", "30", "*/20", "5-7", "59"]),
    st.sampled_from(["*", "1", "2", "0-3", "*/2", "23", "0-23"]),
    st.sampled_from(["*", "SUN", "1-6"]),
)
ZONES = st.sampled_from([BERLIN, "America/New_York", "Australia/Lord_Howe", "Africa/Cairo", "UTC", "Asia/Kolkata"])
MOMENTS = st.integers(unix("2024-01-01T00:00Z"), unix("2030-01-01T00:00Z"))


@given(CRONS, ZONES, MOMENTS)
@settings(max_examples=200, deadline=None)
def test_slots_go_on_from_wherever_one_looks_and_backward_is_forward_reversed(cron, zone, moment):
    timing = Timing(cron, zone=zone)

    slots = list(islice(timing.after(moment), 20))

    assert slots == sorted(set(slots))
    assert all(slot > moment for slot in slots)
    assert list(islice(timing.after(slots[4]), 15)) == slots[5:]
    assert list(islice(timing.until(slots[-1]), 20)) == slots[::-1]


@given(CRONS, ZONES, MOMENTS)
@settings(max_examples=200, deadline=None)
def test_away_from_changes_of_the_clock_the_slots_are_those_of_cronsim(cron, zone, moment):
    zone_info = ZoneInfo(zone)
    wall = datetime.fromtimestamp(moment, zone_info)
    if wall.utcoffset() != (wall + timedelta(days=7)).utcoffset():
        return

    expected = [one for one in islice(CronSim(cron, wall), 5) if one < wall + timedelta(days=7)]

    slots = islice(Timing(cron, zone=zone).after(moment), 5)
    assert [datetime.fromtimestamp(slot, zone_info) for slot in slots][: len(expected)] == expected
