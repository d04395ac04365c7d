"""Seconds in words, with no line break in them. static/time.js has the same words."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps

from taskdesk.jobs.job import Job
from taskdesk.service import clock


def _on_one_line(words: Callable[[float], str]) -> Callable[[float], str]:
    @wraps(words)
    def unbroken(seconds: float) -> str:
        return words(seconds).replace(" ", "\N{NO-BREAK SPACE}")

    return unbroken


@_on_one_line
def duration(seconds: float) -> str:
    """Return a duration in words: "< 1 ms", "12 ms", "8.2 s", "45 s", "3 min 20 s", "2 h"."""
    if seconds < 0.001:
        return "< 1 ms"
    if seconds < 0.1:
        return f"{seconds * 1000:.0f} ms"
    if seconds < 60:
        # A limit is the int 5 and shown as "5 s"; a measured time is the float 5.0 and shown as "5.0 s".
        return f"{round(seconds, 1)} s" if seconds < 10 else f"{seconds:.0f} s"
    minutes, rest = divmod(int(seconds), 60)
    return _pair(minutes, "min", rest, "s") if minutes < 60 else _pair(minutes // 60, "h", minutes % 60, "min")


@_on_one_line
def about(seconds: float) -> str:
    """Return an estimated duration in words: "8 s", "4 min", "2 h 5 min"."""
    if seconds < 60:
        return f"{max(round(seconds), 1)} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 60 else _pair(minutes // 60, "h", minutes % 60, "min")


def usual(seconds: float) -> str:
    """Return a usual duration in words: "12 ms", "8.2 s", "45 s", "4 min"."""
    return duration(seconds) if seconds < 10 else about(seconds)


def _pair(large: int, unit: str, small: int, its: str) -> str:
    return f"{large} {unit} {small} {its}" if small else f"{large} {unit}"


def took(job: Job) -> str:
    """Return how long the job ran, or has been running, in words; empty before it started."""
    ended_at = job.ended_at if job.is_final else clock.utc_now() if job.status == "running" else None
    return duration((ended_at - job.started_at).total_seconds()) if job.started_at and ended_at else ""
