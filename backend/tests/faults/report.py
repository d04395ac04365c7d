"""The result of a scenario: counts, times of recovery and broken promises."""

from __future__ import annotations

import statistics
from collections import Counter
from dataclasses import dataclass, field

_SHOWN = ("accepted", "unknown", "failed", "lost", "duplicate", "recovered", "stuck")


@dataclass
class Report:
    """`problems` has a sentence for each broken promise. The count "failed" excludes jobs that were meant to fail."""

    name: str
    counts: Counter[str] = field(default_factory=Counter)
    recovery: list[float] = field(default_factory=list)  # seconds from a kill to the job's next begin or its end
    problems: list[str] = field(default_factory=list)

    def line(self) -> str:
        counts = ", ".join(f"{self.counts[name]} {name}" for name in _SHOWN)
        return f"{self.name}: {counts}; recovery {self._quantiles()}; {len(self.problems)} problems"

    def _quantiles(self) -> str:
        if not self.recovery:
            return "-"
        cuts = statistics.quantiles([*self.recovery, *self.recovery], n=20)
        return f"p50 {cuts[9]:.1f} s, p95 {min(cuts[18], max(self.recovery)):.1f} s, max {max(self.recovery):.1f} s"

    def expect(self, holds: bool, otherwise: str) -> None:
        if not holds:
            self.problems.append(otherwise)
