"""Numbers on a page."""

from __future__ import annotations

from collections.abc import Iterable

_SHORTEST, _LONGEST = 1000, 1e15  # from here on without a fraction, until here without an exponent
_MAX_DIGITS = 40


_MAX_DECIMALS = 6


def decimals_of(values: Iterable[float]) -> int | None:
    """Return how many decimals the floats of a column need, so that their points stand below each other.

    None if one of them is shown with an exponent, or needs more than _MAX_DECIMALS.
    """
    texts = [number_text(value) for value in values if type(value) is float]
    most = max((len(text.partition(".")[2]) for text in texts), default=0)
    return most if most <= _MAX_DECIMALS and not any("e" in text or "n" in text for text in texts) else None


def number_text(value: float) -> str:
    """Return four digits of a float, and all of a whole number that is not very long."""
    if type(value) is not float:
        text = str(value)
        return text if len(text) <= _MAX_DIGITS else f"{text[:_MAX_DIGITS]}…"
    return f"{value:.0f}" if _SHORTEST <= abs(value) < _LONGEST else f"{value:.4g}"
