"""Decide which of the slots that are due run, after Redis, or all that could fire them, were away."""

from __future__ import annotations

from itertools import islice, takewhile
from typing import NamedTuple

from taskdesk.jobs.schedules.skip import Skip
from taskdesk.jobs.schedules.timing import Timing

ON_TIME_SECONDS = 60  # after a slot, in which it counts as on time
MAX_MISSED = 10  # missed slots that run later
MAX_SLOTS = 30  # that are looked at: the schedule remembers no more (lua/fire.lua)
MISSED = ("skip", "latest", "all")  # which missed slots run later


class Planned(NamedTuple):
    """A slot that is due. It runs, unless `skip` says why not."""

    slot: int
    skip: Skip | None = None


def plan(timing: Timing, missed: str, missed_within: int, settled: float, now: float) -> list[Planned]:
    """Return the slots after `settled` up to `now`, the earliest first; of more than MAX_SLOTS, the latest.

    `missed`: which of those that are over run all the same, if they are not older than `missed_within` seconds.
    """
    due = list(islice(takewhile(lambda slot: slot > settled, timing.until(now)), MAX_SLOTS))
    on_time = [slot for slot in due if now - slot <= ON_TIME_SECONDS]
    late = [slot for slot in due[len(on_time) :] if now - slot <= missed_within]
    again = {"skip": 0, "latest": 0 if on_time else 1, "all": MAX_MISSED}[missed]
    runs = {*on_time, *late[:again]}
    return [Planned(slot, None if slot in runs else Skip.MISSED) for slot in reversed(due)]
