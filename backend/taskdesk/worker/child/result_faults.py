"""Why a result can't be kept: the place as a JSON pointer, and the true reason."""

from __future__ import annotations

import re
from typing import Any

from taskdesk.jobs.errors import UnstorableResult
from taskdesk.jobs.parts import pointer_of
from taskdesk.jobs.results import MAX_DIGITS

REMEDY = "Return text, JSON values, or one of its kinds of results."

_TOO_LARGE = 10**MAX_DIGITS

Where = tuple[str, ...]


def pointer(where: Where) -> str:
    """Return the place as a JSON pointer (RFC 6901)."""
    return "".join(map(pointer_of, where))


def refusal(where: Where, reason: str) -> UnstorableResult:
    path = pointer(where)
    if len(path) > 200:
        path = f"{path[:200]}…"
    return UnstorableResult(f"The result at {path} {reason}" if path else f"The result {reason}")


def find_fault(value: Any, where: Where = ()) -> UnstorableResult | None:
    """Return the refusal of the first value that JSON text can't hold, in a value that is JSON otherwise."""
    if isinstance(value, float) and (value != value or value in (float("inf"), float("-inf"))):
        return refusal(where, f"holds {'NaN' if value != value else 'an infinity'}, which JSON does not have. {REMEDY}")
    if isinstance(value, int) and abs(value) >= _TOO_LARGE:
        return refusal(where, f"is a whole number of more than {MAX_DIGITS:,} digits: return it as text.")
    if isinstance(value, str) and re.search("[\ud800-\udfff]", value):
        return refusal(where, "holds half of a surrogate pair, which is not valid text.")
    if isinstance(value, dict):
        found = (find_fault(key, where) or find_fault(entry, (*where, key)) for key, entry in value.items())
    elif isinstance(value, list):
        found = (find_fault(entry, (*where, str(number))) for number, entry in enumerate(value))
    else:
        return None
    return next((fault for fault in found if fault), None)
