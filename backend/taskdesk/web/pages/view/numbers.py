"""Numbers on a page."""

from __future__ import annotations

_SHORTEST, _LONGEST = 1000, 1e15  # from here on without a fraction, until here without an exponent
_MAX_DIGITS = 40


def number_text(value: float) -> str:
    """Return four digits of a float, and all of a whole number that is not very long."""
    if type(value) is not float:
        text = str(value)
        return text if len(text) <= _MAX_DIGITS else f"{text[:_MAX_DIGITS]}…"
    return f"{value:.0f}" if _SHORTEST <= abs(value) < _LONGEST else f"{value:.4g}"
