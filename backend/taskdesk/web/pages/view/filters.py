"""The filters of the list of jobs: its form becomes a query of the API, and this becomes chips and tabs."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import urlencode

from flask import url_for
from werkzeug.datastructures import MultiDict

from taskdesk.jobs.queues import Queue
from taskdesk.jobs.schema_rules import with_zone
from taskdesk.jobs.status import FINAL, Status
from taskdesk.web.query import FILTERS

RANGES = {"1h": "last hour", "1d": "last day", "7d": "last week"}
TABS = sorted(Status, key=lambda status: (status in FINAL, status is Status.WAITING))  # those that have ended last
_RARE = Status.WAITING  # has a tab only if there are such jobs
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

    The form's own word is `range`: how long ago, or "custom" for `since` and `until`, which are in UTC without a zone.
    """
    words = {name: text.strip() for name, text in query.items() if text.strip()}
    chosen = words.pop("range", "")
    if "range" in query and chosen != "custom":
        words = {name: text for name, text in words.items() if name not in ("since", "until")}
        words |= {"since": chosen} if chosen else {}
    return {name: with_zone(text) if name in _TIMES else text for name, text in words.items()}


def filters_of(words: Mapping[str, str]) -> dict[str, str]:
    return {name: words[name] for name in FILTERS if name in words}


def list_url(words: Mapping[str, str | None], endpoint: str = "pages.list_jobs") -> str:
    """Return the address of a list. `url_for` gets no names from a client, as some mean something to it."""
    query = urlencode({name: text for name, text in words.items() if text})
    return url_for(endpoint) + (f"?{query}" if query else "")


def tabs(words: Mapping[str, str], queues: Sequence[Queue]) -> list[Tab]:
    """Return the tabs. They have counts only if no filter but a queue is set: others would cost too much."""
    others = {name: text for name, text in filters_of(words).items() if name != "status"}
    counts = None if others.keys() - {"queue"} else _counts(queues, others.get("queue"))
    current = words.get("status", "")
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


def chips(words: Mapping[str, str]) -> list[Chip]:
    """Return a chip for each filter but the status, which the tabs show."""
    found = filters_of(words)
    return [Chip(name, text, list_url({**found, name: None})) for name, text in found.items() if name != "status"]


def in_words(words: Mapping[str, str], count: int) -> str:
    """Return the number of jobs and their filters in words: "1,234 failed jobs of train_model"."""
    phrases = {
        "task": "of {}",
        "queue": "in the queue {}",
        "tag": "tagged {}",
        "owner": "by {}",
        "id": "whose id begins with {}",
        "since": "submitted {}",
        "until": "submitted before {}",
    }
    values = {**words, "since": range_in_words(words.get("since", ""))}
    told = [phrase.format(values[name]) for name, phrase in phrases.items() if name in words]
    return " ".join([f"{count:,}", *filter(None, [words.get("status")]), "job" if count == 1 else "jobs", *told])


def range_in_words(since: str) -> str:
    """Return a query's `since` in words: "in the last hour", "since 2026-03-31T12:00:00Z"."""
    if since in RANGES:
        return f"in the {RANGES[since]}"
    return f"in the last {since}" if re.fullmatch(r"\d+[mhd]", since) else f"since {since}"
