"""How long a job has run, how long it will probably go on, and whether it is slower than usual."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from taskdesk.jobs.job import Job
from taskdesk.service import clock
from taskdesk.web.pages.view.durations import about, usual

FEW = 20  # runs: of fewer nobody can tell what is usual for all but one in twenty


@dataclass(frozen=True)
class Pace:
    """Of a job that runs, in seconds; `median` and `p95` are None where nobody knows. job.js goes on from here."""

    elapsed: float
    percent: float
    median: float | None
    p95: float | None

    @property
    def is_slow(self) -> bool:
        return self.p95 is not None and self.elapsed > self.p95

    @property
    def left(self) -> str:
        """From its progress, if it has told any; else from what its task usually takes; empty if nobody knows."""
        if self.percent > 0:
            return about(self.elapsed * (100 - self.percent) / self.percent) if self.percent < 100 else ""
        return about(self.median - self.elapsed) if self.median and self.median > self.elapsed else ""

    @property
    def usual(self) -> str:
        if not self.median:
            return ""
        return f"Usually {usual(self.median)}" + (f", nearly always within {usual(self.p95)}" if self.p95 else "")


def pace(job: Job, typical: dict[str, Any] | None) -> Pace | None:
    """`typical` as the API tells it. None of a job that does not run."""
    if job.status != "running" or not job.started_at:
        return None
    elapsed = max((clock.utc_now() - job.started_at).total_seconds(), 0)
    known = typical or {"median": None, "p95": None, "runs": 0}
    p95 = known["p95"] if known["runs"] >= FEW else None
    return Pace(elapsed, job.progress.percent if job.progress else 0, known["median"], p95)
