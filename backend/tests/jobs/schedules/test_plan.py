"""Which slots run after nothing could run them in time."""

from __future__ import annotations

import pytest

from taskdesk.jobs.schedules.plan import plan
from taskdesk.jobs.schedules.timing import Timing

HOURLY = Timing(seconds=3600)
NOW = 100 * 3600 + 1.0


def runs(missed: str, *, settled: float, within: int = 86_400, timing: Timing = HOURLY, now: float = NOW) -> list[int]:
    return [entry.slot // 3600 for entry in plan(timing, missed, within, settled, now) if not entry.skip]


def test_a_slot_that_is_due_runs_whatever_happens_to_missed_ones():
    assert [runs(missed, settled=99 * 3600) for missed in ("skip", "latest", "all")] == [[100]] * 3


def test_nothing_is_due_before_the_next_slot():
    assert plan(HOURLY, "all", 86_400, settled=100 * 3600, now=NOW) == []


@pytest.mark.parametrize(("missed", "expected"), [("skip", []), ("latest", [100]), ("all", [96, 97, 98, 99, 100])])
def test_of_missed_slots_none_or_the_latest_or_all_run(missed, expected):
    assert runs(missed, settled=95 * 3600, now=NOW + 600) == expected


def test_a_slot_on_time_replaces_the_missed_ones_before_it():
    assert runs("latest", settled=95 * 3600) == [100]
    assert runs("all", settled=95 * 3600) == [96, 97, 98, 99, 100]


def test_at_most_ten_missed_slots_run_and_none_that_is_over_for_too_long():
    assert runs("all", settled=0, now=NOW + 600) == [*range(91, 101)]
    assert runs("all", settled=0, now=NOW + 600, within=3 * 3600) == [98, 99, 100]
    assert runs("latest", settled=0, now=NOW + 600, within=300) == []


def test_slots_that_do_not_run_are_skipped_with_the_reason_and_the_last_thirty_are_named():
    planned = plan(Timing(seconds=10), "skip", 86_400, settled=0, now=1_000_000.0)

    assert len(planned) == 30
    assert [entry.slot for entry in planned if entry.skip is None] == [*range(999_940, 1_000_001, 10)]
    assert {entry.skip for entry in planned} == {None, "missed"}
