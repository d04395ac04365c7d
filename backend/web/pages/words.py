"""Seconds in words; static/time.js says them so, too."""

from __future__ import annotations


def duration(seconds: float) -> str:
    """under 1 ms, 12 ms, 8.2 s, 45 s, 3 min 20 s, 2 h 5 min"""
    if seconds < 0.001:
        return "under 1 ms"
    if seconds < 0.1:
        return f"{seconds * 1000:.0f} ms"
    if seconds < 60:
        return f"{seconds:.1f} s" if seconds < 10 else f"{seconds:.0f} s"
    minutes, rest = divmod(int(seconds), 60)
    return f"{minutes} min {rest} s" if minutes < 60 else f"{minutes // 60} h {minutes % 60} min"


def about(seconds: float) -> str:
    """A guess: 8 s, 4 min, 2 h 5 min"""
    if seconds < 60:
        return f"{max(round(seconds), 1)} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 60 else f"{minutes // 60} h {minutes % 60} min"


def usual(seconds: float) -> str:
    """What runs take: 12 ms, 8.2 s, 45 s, 4 min"""
    return duration(seconds) if seconds < 10 else about(seconds)
