"""The filters of the list of jobs: the form becomes a query of the API, and the query becomes chips and tabs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from urllib.parse import urlencode

from flask import url_for
from werkzeug.datastructures import MultiDict

from taskdesk.jobs.parsing import read_duration
from taskdesk.jobs.queues import Queue
from taskdesk.jobs.status import FINAL, Status
from taskdesk.jobs.value_types import with_zone
from taskdesk.web.query import FILTERS

RANGES = {"1h": "last hour", "1d": "last day", "7d": "last week"}
TABS = sorted(Status, key=lambda status: (status in FINAL, status is Status.WAITING))  # those that have ended last
_RARE = Status.WAITING  # has a tab only if there are such jobs
RETRIED = {"no": "not retried yet", "yes": "that were retried"}
_TIMES = ("since", "until")


@dataclass(frozen=True)
class Tab:
    """`status` is empty for all jobs; `count` is None if it would take long to count them."""

    status: str
    count: int | None
    url: str
    is_current: bool


@dataclass(frozen=True)
class Chip:
    name: str
    value: str
    without: str  # the address of the list without this filter


def tidy(query: MultiDict[str, str]) -> dict[str, str]:
    """Return the query as links have it: without empty filters, and with times as the API reads them.

    The form has one parameter of its own, `range`: how long ago, or "custom" for `since` and `until`. Without a zone
    these are in UTC.
    """
    parameters = {name: text.strip() for name, text in query.items() if text.strip()}
    chosen = parameters.pop("range", "")
    if "range" in query and chosen != "custom":
        parameters = {name: text for name, text in parameters.items() if name not in _TIMES}
        parameters |= {"since": chosen} if chosen else {}
    return {name: with_zone(text) if name in _TIMES else text for name, text in parameters.items()}


def filters_of(parameters: Mapping[str, str]) -> dict[str, str]:
    return {name: parameters[name] for name in FILTERS if name in parameters}


def list_url(parameters: Mapping[str, str | None], endpoint: str = "pages.list_jobs") -> str:
    """Return the address of a list. `url_for` gets no names from a client, as some mean something to it."""
    query = urlencode({name: text for name, text in parameters.items() if text})
    return url_for(endpoint) + (f"?{query}" if query else "")


def is_counted(parameters: Mapping[str, str]) -> bool:
    """Return True if the queues know how many jobs of each status match: no filter but a queue is set."""
    return not filters_of(parameters).keys() - {"queue", "status"}


def tabs(parameters: Mapping[str, str], queues: Sequence[Queue], found: Mapping[str, int] | None = None) -> list[Tab]:
    """Return the tabs. `found`: the number of jobs by status for other filters than a queue; None if there are many."""
    others = {name: text for name, text in filters_of(parameters).items() if name != "status"}
    if is_counted(parameters):
        counts: dict[str, int] | None = _counts(queues, others.get("queue"))
    else:
        counts = None if found is None else {"": sum(found.values()), **{str(one): found.get(one, 0) for one in TABS}}
    current = parameters.get("status", "")
    shown = [status for status in TABS if status != _RARE or current == _RARE or (counts or {}).get(_RARE)]
    return [
        Tab(status, counts[status] if counts else None, list_url({"status": status, **others}), status == current)
        for status in ("", *shown)
    ]


def _counts(queues: Sequence[Queue], name: str | None) -> dict[str, int]:
    """Count the jobs of each status, and all under "", in the queue of this name or in all queues."""
    counted = [queue.jobs for queue in queues if name in (None, queue.name)]
    counts = {str(status): sum(jobs[status] for jobs in counted) for status in TABS}
    return {"": sum(counts.values()), **counts}


def chips(parameters: Mapping[str, str]) -> list[Chip]:
    """Return a chip for each filter but the status, which the tabs show."""
    found = filters_of(parameters)
    return [Chip(name, text, list_url({**found, name: None})) for name, text in found.items() if name != "status"]


def in_words(filters: Mapping[str, str], count: int) -> str:
    """Return the number of jobs and their filters in words: "1,234 failed jobs of train_model"."""
    phrases = {
        "task": "of {}",
        "queue": "in the queue {}",
        "tag": "tagged {}",
        "owner": "by {}",
        "id": "whose id begins with {}",
        "since": "submitted {}",
        "until": "submitted before {}",
        "ended_since": "that ended {}",
        "cause": "of one cause",
        "retried": "({})",
        "request": "of one request",
    }
    values = {**filters, "retried": RETRIED.get(filters.get("retried", ""), "")}
    values |= {name: range_in_words(filters.get(name, "")) for name in ("since", "ended_since")}
    phrased = [phrase.format(values[name]) for name, phrase in phrases.items() if name in filters]
    return " ".join([f"{count:,}", *filter(None, [filters.get("status")]), "job" if count == 1 else "jobs", *phrased])


def range_in_words(since: str) -> str:
    """Return a query's `since` in words: "in the last hour", "since 2026-03-31T12:00:00Z"."""
    if since in RANGES:
        return f"in the {RANGES[since]}"
    with suppress(ValueError):
        read_duration(since)
        return f"in the last {since}"
    return f"since {since}"
