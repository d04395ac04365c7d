"""The slots of a schedule: the times at which it is due, in Unix seconds. Pure functions of what the schedule says.

A cron string goes by the clock on the wall. At a change of the clock, a time that does not exist has its slot at the
end of the gap, and one that comes twice has its slot the first time. A schedule for every hour goes on hour by hour:
it leaves no hour out. An interval counts from the start of the schedule, or else from 1970.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from itertools import takewhile
from zoneinfo import ZoneInfo

from cronsim import CronSim, CronSimError

DAY = 86_400
Times = Iterator[int]


@dataclass(frozen=True)
class Timing:
    """`cron` or `seconds`, the interval, is set. Slots are from `start` on and before `end` (Unix)."""

    cron: str = ""
    seconds: int = 0
    zone: str = "UTC"
    start: int | None = None
    end: int | None = None

    def check(self) -> None:
        """Raise an error of DAMAGE if this machine does not know the time zone, or the cron string is damaged."""
        zone_of(self.zone)
        try:
            if self.cron:
                is_every_hour(self.cron)
        except (CronSimError, AssertionError):
            raise ValueError(f"{self.cron!r} is no cron string") from None

    def after(self, moment: float) -> Times:
        """Yield the slots after a moment, the earliest first."""
        first = moment if self.start is None else max(moment, self.start - 1)
        return takewhile(lambda slot: self.end is None or slot < self.end, self._times(first, is_forward=True))

    def until(self, moment: float) -> Times:
        """Yield the slots up to a moment, the latest first."""
        last = moment if self.end is None else min(moment, self.end - 1)
        return takewhile(lambda slot: self.start is None or slot >= self.start, self._times(last, is_forward=False))

    def next(self, moment: float) -> int | None:
        return next(self.after(moment), None)

    def _times(self, moment: float, *, is_forward: bool) -> Times:
        if not self.cron:
            return _at_intervals(self.seconds, self.start or 0, moment, is_forward)
        zone = zone_of(self.zone)
        if is_every_hour(self.cron):
            return _hour_by_hour(self.cron, zone, moment, is_forward)
        return _by_the_wall(self.cron, zone, moment, is_forward)

    def remark(self, slot: int) -> str:
        """Return what is special about a slot at a change of the clock; empty if nothing is."""
        if not self.cron or is_every_hour(self.cron):
            return ""
        zone = zone_of(self.zone)
        wall, gap = _wall(zone, slot), _offset(zone, slot) - _offset(zone, slot - 1)
        if gap > 0 and (meant := next(_matches(self.cron, wall - timedelta(seconds=gap + 1), True), wall)) < wall:
            return f"{meant:%H:%M} does not exist on this day: the clock goes forward. The job runs at {wall:%H:%M}."
        if _offset_at(zone, wall, 0) > _offset_at(zone, wall, 1):
            return f"{wall:%H:%M} comes twice on this day: the clock goes back. The job runs the first time."
        return ""


@lru_cache(maxsize=512)
def zone_of(name: str) -> ZoneInfo:
    return ZoneInfo(name)


@lru_cache(maxsize=1024)
def is_every_hour(cron: str) -> bool:
    """Return True if the cron string names each hour of the day."""
    return len(CronSim(cron, datetime(2000, 1, 1)).hours) == 24


def _at_intervals(seconds: int, start: int, moment: float, is_forward: bool) -> Times:
    slot = start + int((moment - start) // seconds) * seconds  # the last one up to the moment
    step = seconds if is_forward else -seconds
    slot += seconds if is_forward else 0
    while slot >= 0:
        yield slot
        slot += step


def _by_the_wall(cron: str, zone: ZoneInfo, moment: float, is_forward: bool) -> Times:
    # What the wall shows at the moment may be an hour before or after a slot that is not over yet.
    margin = abs(_offset(zone, moment + DAY) - _offset(zone, moment - DAY))
    begin = _wall(zone, moment) + timedelta(seconds=-margin if is_forward else margin + 1)
    last = None
    for wall in _matches(cron, begin, is_forward):
        slot = _slot_of(zone, wall)
        if slot != last and (slot > moment) is is_forward:
            yield slot
            last = slot


def _hour_by_hour(cron: str, zone: ZoneInfo, moment: float, is_forward: bool) -> Times:
    """Yield the slots of each time between two changes of the clock, in which the wall shows each time once."""
    at, offset = (moment if is_forward else moment + 1), _offset(zone, moment)
    while True:
        wall = next(_matches(cron, _naive(at + offset), is_forward), None)
        if wall is None:
            return
        slot = _unix(wall) - offset
        if _offset(zone, slot) == offset:
            yield slot
            at = slot
        elif is_forward:
            change = _change(zone, int(at), slot, offset)
            at, offset = change - 1, _offset(zone, change)
        else:
            before = _offset(zone, slot)
            change = _change(zone, slot, int(at), before)
            at, offset = change, before


def _matches(cron: str, begin: datetime, is_forward: bool) -> Iterator[datetime]:
    """Yield the times on the wall after `begin`, or before it, that the cron string matches within 50 years."""
    try:
        yield from CronSim(cron, begin, reverse=not is_forward)
    except OverflowError:  # before the year 1 or after 9999
        return


def _slot_of(zone: ZoneInfo, wall: datetime) -> int:
    early, late = _unix(wall) - _offset_at(zone, wall, 1), _unix(wall) - _offset_at(zone, wall, 0)
    if early < late:  # the wall never shows this time
        return _change(zone, early, late, _offset(zone, early))
    return late


def _change(zone: ZoneInfo, low: int, high: int, before: int) -> int:
    """Return the first second after `low` at which the offset is not `before`, as it is not at `high`."""
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if _offset(zone, middle) != before else (middle, high)
    return high


def _offset(zone: ZoneInfo, moment: float) -> int:
    """Return how far the clock on the wall is ahead of UTC, in seconds."""
    return _seconds(datetime.fromtimestamp(int(moment), UTC).astimezone(zone).utcoffset())


def _offset_at(zone: ZoneInfo, wall: datetime, fold: int) -> int:
    return _seconds(wall.replace(tzinfo=zone, fold=fold).utcoffset())


def _seconds(offset: timedelta | None) -> int:
    return int((offset or timedelta()).total_seconds())


def _wall(zone: ZoneInfo, moment: float) -> datetime:
    return _naive(moment + _offset(zone, moment))


def _naive(seconds: float) -> datetime:
    return datetime.fromtimestamp(int(seconds), UTC).replace(tzinfo=None)


def _unix(naive: datetime) -> int:
    return int(naive.replace(tzinfo=UTC).timestamp())
