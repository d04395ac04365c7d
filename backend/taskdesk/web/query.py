"""What a query, of the API or of a page, may say: filters, limits, options of a submit. Whatever is wrong is named."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping
from datetime import datetime, timedelta
from typing import Any

from werkzeug.datastructures import MultiDict

from taskdesk.jobs.arguments import check_tags
from taskdesk.jobs.errors import MOST_ERRORS, FieldError, InvalidArguments
from taskdesk.jobs.listing import Filter
from taskdesk.jobs.parsing import read_moment
from taskdesk.jobs.status import Status
from taskdesk.jobs.submit_options import SubmitOptions
from taskdesk.service import clock

MAX_PAGE = 200
PAGED = ("limit", "cursor")


def page_limit(query: Mapping[str, str], default: int) -> int:
    """The query's `limit`, from 1 to MAX_PAGE. Raises InvalidArguments."""
    text = query.get("limit", str(default))
    if not (text.isascii() and text.isdecimal() and len(text) < 10 and 1 <= int(text) <= MAX_PAGE):
        raise InvalidArguments([FieldError("/limit", f"This has to be a whole number from 1 to {MAX_PAGE}.")])
    return int(text)


def once_each(query: MultiDict[str, str]) -> dict[str, str]:
    """The query, in which nothing may stand twice: one of the two would be ignored. Raises InvalidArguments."""
    twice = [name for name, values in query.lists() if len(values) > 1]
    if twice:
        raise InvalidArguments([FieldError(f"/{name}", "This stands there twice: say it once.") for name in twice])
    return query.to_dict()


def submit_options(query: MultiDict[str, str]) -> SubmitOptions:
    """What `Desk.submit` is told besides the arguments: queue, at, tags. Raises InvalidArguments."""
    at = query.get("at")
    try:
        moment = None if at is None else read_moment(at)
    except ValueError as error:
        raise InvalidArguments([FieldError("/at", str(error))]) from None
    return {"queue": query.get("queue"), "at": moment, "tags": check_tags(query.getlist("tag"))}


def job_filter(query: Mapping[str, Any], at: str = "", besides: Collection[str] = ()) -> Filter:
    """The filter that a query, or an object of JSON at the pointer `at`, stands for; `besides` may stand there, too.

    Raises InvalidArguments, for a name that is none, too: a typo would reach too far.
    """
    unknown = sorted(query.keys() - FILTERS.keys() - set(besides))[:MOST_ERRORS]
    errors = [
        FieldError(f"{at}/{name}", f"There is no such filter: known are {', '.join(FILTERS)}.") for name in unknown
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


def _status(text: str) -> Status:
    try:
        return Status(text)
    except ValueError:
        raise ValueError(f"This has to be one of: {', '.join(Status)}.") from None


def _text(text: str) -> str:
    if not isinstance(text, str) or not 1 <= len(text) <= 200:
        raise ValueError("This has to be a text of 1 to 200 characters; leave it out for all.")
    return text


def _task(text: str) -> str:
    return _text(text).rpartition(".")[2]


def _moment(text: Any) -> datetime:
    """A moment, or how long ago it was. Raises ValueError."""
    ago = _AGO.fullmatch(text) if isinstance(text, str) else None
    if ago:
        return clock.utc_now() - int(ago[1]) * _UNITS[ago[2]]
    try:
        return read_moment(text)
    except ValueError as error:
        raise ValueError(f"{error} Or so long ago: 30m, 12h, 7d.") from None


_AGO = re.compile(r"([0-9]{1,4})([mhd])")
_UNITS = {"m": timedelta(minutes=1), "h": timedelta(hours=1), "d": timedelta(days=1)}

FILTERS: dict[str, Callable[[Any], Any]] = {  # in this order
    "status": _status,
    "task": _task,
    "queue": _text,
    "tag": _text,
    "owner": _text,
    "since": _moment,
    "until": _moment,
    "id": _text,
}
