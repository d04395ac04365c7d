"""Read the query of a request: filters, limits, and the options of a submit. Errors name each wrong parameter."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from contextlib import suppress
from datetime import datetime
from typing import Any

from werkzeug.datastructures import MultiDict

from taskdesk.jobs.arguments import check_tags
from taskdesk.jobs.errors import MAX_ERRORS, FieldError, InvalidArguments
from taskdesk.jobs.listing import Filter
from taskdesk.jobs.parsing import read_duration, read_moment
from taskdesk.jobs.schema_rules import sentence
from taskdesk.jobs.status import Status
from taskdesk.jobs.submit_options import SubmitOptions
from taskdesk.service import clock

MAX_PAGE = 200
MAX_FILTER = 200  # characters of a text
PAGED = ("limit", "cursor")


def page_limit(query: Mapping[str, str], default: int) -> int:
    """Return the query's `limit`, from 1 to MAX_PAGE. Raises InvalidArguments."""
    return whole_number(query, "limit", default, MAX_PAGE)


def whole_number(query: Mapping[str, str], name: str, default: int, most: int) -> int:
    """Return the number of that name in the query, from 1 to `most`. Raises InvalidArguments."""
    text = query.get(name, str(default))
    if not (text.isascii() and text.isdecimal() and len(text) < 10 and 1 <= int(text) <= most):
        raise InvalidArguments([FieldError(f"/{name}", f"Must be a whole number from 1 to {most}.")])
    return int(text)


def single_values(query: MultiDict[str, str]) -> dict[str, str]:
    """Return the value of each parameter. Raises InvalidArguments if one comes twice: a value would be ignored."""
    twice = [name for name, values in query.lists() if len(values) > 1]
    if twice:
        raise InvalidArguments([FieldError(f"/{name}", "This parameter comes twice. Send it once.") for name in twice])
    return query.to_dict()


def submit_options(query: MultiDict[str, str]) -> SubmitOptions:
    """Return the queue, the time, the tags and the webhook of a submit. Raises InvalidArguments."""
    at = query.get("at")
    try:
        moment = None if at is None else read_moment(at)
    except ValueError as error:
        raise InvalidArguments([FieldError("/at", str(error))]) from None
    tags = check_tags(query.getlist("tag"))
    return {"queue": query.get("queue"), "at": moment, "tags": tags, "webhook": query.get("webhook")}


def job_filter(query: Mapping[str, Any], at: str = "", besides: Collection[str] = ()) -> Filter:
    """Return the filter of a query, or of a JSON object at the pointer `at`. It may also have the names in `besides`.

    Raises InvalidArguments, also for an unknown name: with a typo the filter would match too many jobs.
    """
    unknown = sorted(query.keys() - FILTERS.keys() - set(besides))[:MAX_ERRORS]
    errors = [
        FieldError(f"{at}/{name}", f"There is no such filter. Use one of: {', '.join(FILTERS)}.") for name in unknown
    ]
    found = {}
    for name, read in FILTERS.items():
        try:
            found[name] = read(query[name]) if name in query else None
        except ValueError as error:
            errors.append(FieldError(f"{at}/{name}", str(error)))
    if errors:
        raise InvalidArguments(errors)
    return Filter(prefix=found.pop("id"), **found)


def read_count(body: Mapping[str, Any], name: str) -> int:
    """Return the number of jobs that a client expects. Raises InvalidArguments."""
    errors = faults_of_count(body, name)
    if errors:
        raise InvalidArguments(errors)
    return int(body[name])


def faults_of_count(body: Mapping[str, Any], name: str) -> list[FieldError]:
    count: Any = body.get(name)
    if type(count) in (int, float) and count >= 0 and count % 1 == 0:  # 3.0 is a whole number
        return []
    return [FieldError(f"/{name}", "Must be a whole number: how many jobs you expect to match.")]


def _status(text: str) -> Status:
    try:
        return Status(text)
    except ValueError:
        raise ValueError(sentence("enum", [*Status])) from None


def _text(text: str) -> str:
    if not isinstance(text, str) or not 1 <= len(text) <= MAX_FILTER:
        raise ValueError(f"Must be a text of 1 to {MAX_FILTER} characters. Leave it out to match all jobs.")
    return text


def _yes_or_no(text: Any) -> bool:
    if text not in ("yes", "no"):
        raise ValueError(sentence("enum", ["yes", "no"]))
    return bool(text == "yes")


def _task(text: str) -> str:
    return ",".join(name.strip().rpartition(".")[2] for name in _text(text).split(","))


def _moment(text: Any) -> datetime:
    """Return a time, which may be given as how long ago it was. Raises ValueError."""
    with suppress(ValueError):
        return clock.utc_now() - read_duration(text)
    try:
        return read_moment(text)
    except ValueError as error:
        raise ValueError(f"{error} Or say how long ago: 90s, 30m, 12h, 7d.") from None


FILTERS: dict[str, Callable[[Any], Any]] = {  # the pages show them in this order
    "status": _status,
    "task": _task,
    "queue": _text,
    "tag": _text,
    "owner": _text,
    "since": _moment,
    "until": _moment,
    "id": _text,
    "ended_since": _moment,
    "cause": _text,
    "retried": _yes_or_no,
    "request": _text,
}
