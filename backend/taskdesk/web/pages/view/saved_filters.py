"""Filters of the list of jobs that a viewer has saved under a name: in a cookie, so they are of one browser."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import parse_qsl, urlencode

from werkzeug.datastructures import MultiDict

from taskdesk.web.pages.view.filters import filters_of, list_url, tidy

COOKIE = "taskdesk-filters"
COOKIE_SECONDS = 366 * 24 * 3600
MAX_NAME = 40  # characters
MAX_BYTES = 3_000  # of the cookie: browsers keep 4,096 with its name and attributes


@dataclass(frozen=True)
class SavedFilters:
    name: str
    url: str
    is_current: bool


def read_saved(cookies: Mapping[str, str]) -> dict[str, dict[str, str]]:
    """Return the saved filters by name. A browser may send anything: what is no filter is left out."""
    saved = {name[:MAX_NAME]: _filters(query) for name, query in parse_qsl(cookies.get(COOKIE, "")[:MAX_BYTES])}
    return {name: filters for name, filters in saved.items() if filters}


def write_saved(saved: Mapping[str, Mapping[str, str]]) -> str:
    """Return the value of the cookie. Raises ValueError, with a sentence for the viewer, if it has no room for them."""
    value = urlencode({name: urlencode(filters) for name, filters in saved.items()})
    if len(value) > MAX_BYTES:
        raise ValueError("There is no room for more saved filters. Remove one first.")
    return value


def saved_filters(cookies: Mapping[str, str], current: Mapping[str, str]) -> list[SavedFilters]:
    return [SavedFilters(name, list_url(one), one == current) for name, one in sorted(read_saved(cookies).items())]


def _filters(query: str) -> dict[str, str]:
    return filters_of(tidy(MultiDict(parse_qsl(query))))
