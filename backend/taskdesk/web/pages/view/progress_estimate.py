"""How long a running job has run, how long it will probably still run, and whether it is slower than usual."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from taskdesk.jobs.job import Job
from taskdesk.service import clock
from taskdesk.web.pages.view.durations import about, usual

P95_MIN_RUNS = 20  # fewer runs do not tell within what time 95 % of them end


@dataclass(frozen=True)
class ProgressEstimate:
    """Durations of a running job in seconds; `median` and `p95` are None if unknown. job.js counts on from here."""

    elapsed: float
    percent: float
    median: float | None
    p95: float | None

    @property
    def is_slow(self) -> bool:
        return self.p95 is not None and self.elapsed > self.p95

    @property
    def left(self) -> str:
        """Return the time left in words: by the progress that the job reported, else by the median; else empty."""
        if self.percent > 0:
            return about(self.elapsed * (100 - self.percent) / self.percent) if self.percent < 100 else ""
        return about(self.median - self.elapsed) if self.median and self.median > self.elapsed else ""

    @property
    def usual(self) -> str:
        if not self.median:
            return ""
        return f"Typically {usual(self.median)}" + (f", 95 % under {usual(self.p95)}" if self.p95 else "")


def progress_estimate(job: Job, typical: dict[str, Any] | None) -> ProgressEstimate | None:
    """Return the estimate for a running job, None for any other. `typical` is `typical_seconds` of the API."""
    if job.status != "running" or not job.started_at:
        return None
    elapsed = max((clock.utc_now() - job.started_at).total_seconds(), 0)
    durations = typical or {"median": None, "p95": None, "runs": 0}
    p95 = durations["p95"] if durations["runs"] >= P95_MIN_RUNS else None
    return ProgressEstimate(elapsed, job.progress.percent if job.progress else 0, durations["median"], p95)
