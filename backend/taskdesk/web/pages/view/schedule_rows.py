"""A schedule as its page shows it."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from cronsim import CronSim

from taskdesk.jobs.schedules.definition import seconds_of


@dataclass(frozen=True)
class ScheduleRow:
    """`shown` is the JSON object of the schedule; `now` the Unix time."""

    shown: dict[str, Any]
    now: float

    @property
    def words(self) -> str:
        """Return when it runs, in words: "At 06:15 on Monday through Friday"."""
        every = self.shown["every"]
        if seconds_of(every):
            return f"Every {every}"
        return f"{CronSim(every, datetime(2000, 1, 1)).explain()}, {self.shown['zone'].replace('_', ' ')}"

    @property
    def next_in(self) -> float | None:
        """Return the seconds until the next slot; None if there is none."""
        due = self.shown["next_at"]
        return max(0.0, datetime.fromisoformat(due).timestamp() - self.now) if due else None

    @property
    def strip(self) -> list[tuple[str, str]]:
        """Return the last slots, the latest at the end: how each is drawn, and its title."""
        return [(self.outcome(slot), f"{slot['at'][:16]}: {self.outcome(slot)}") for slot in self.shown["slots"][::-1]]

    @property
    def summary(self) -> str:
        """Return the outcomes of the last slots in words: "28 ran, 2 skipped"."""
        counts = Counter(self.outcome(slot) for slot in self.shown["slots"])
        return ", ".join(f"{count} {outcome}" for outcome, count in counts.most_common())

    @staticmethod
    def outcome(slot: dict[str, Any]) -> str:
        return str(slot["status"] or slot["outcome"])
