"""The query of the audit log: who, what, subject, and when."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from taskdesk.jobs.errors import FieldError, InvalidArguments
from taskdesk.service.audit import AuditLine, audit_page
from taskdesk.web.access.people import people
from taskdesk.web.context import desk
from taskdesk.web.query import FILTERS, PAGED, page_limit

TEXTS, TIMES = ("who", "what", "subject"), ("since", "until")


def read_audit(query: Mapping[str, str]) -> tuple[list[AuditLine], str | None]:
    """Return a page of lines, and the cursor of the next. Raises InvalidArguments, LoginsOff."""
    people()
    errors = [FieldError(f"/{name}", "There is no such filter.") for name in query if name not in _NAMES][:10]
    times: dict[str, Any] = {}
    for name in TIMES:
        try:
            times[name] = FILTERS[name](query[name]) if query.get(name) else None
        except ValueError as error:
            errors.append(FieldError(f"/{name}", str(error)))
    if errors:
        raise InvalidArguments(errors)

    def fits(line: AuditLine) -> bool:
        is_named = all(not query.get(name) or getattr(line, name) == query[name] for name in TEXTS)
        since, until = times["since"], times["until"]
        return is_named and not (since and line.time < since) and not (until and line.time > until)

    try:
        return audit_page(desk().redis, page_limit(query, 50), query.get("cursor"), fits)
    except ValueError as error:
        raise InvalidArguments([FieldError("/cursor", str(error))]) from None


_NAMES = {*TEXTS, *TIMES, *PAGED}
