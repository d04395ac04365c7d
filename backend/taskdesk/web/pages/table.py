"""The page of a table of a result: all of its rows, filtered and sorted by the server, in pages."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import gevent
from flask import Blueprint, render_template, request, url_for

from taskdesk.jobs.errors import ArtifactNotFound, FieldError, InvalidArguments
from taskdesk.jobs.job import Job
from taskdesk.jobs.parts import Part, result_parts
from taskdesk.web.context import desk
from taskdesk.web.pages.view.whole_table import Choice, TablePage, WholeTable, first_page
from taskdesk.web.query import MAX_FILTER, single_values

KEPT, KEPT_SECONDS = 2, 120  # tables that this process keeps, because to read 5 MB again for each page takes 0.1 s
_kept: dict[tuple[str, ...], WholeTable] = {}


def add_routes(bp: Blueprint) -> None:
    bp.get("/jobs/<job_id>/table")(show_table)


def show_table(job_id: str) -> str:
    """Show rows: `part` names the part of the result, `q` a text, `sort` a column from 0, `order=desc`, and `page`.

    Raises ArtifactNotFound if there is no such table, InvalidArguments; NoResult, ResultGone, UnreadableResult.
    """
    job = desk().jobs.get(job_id)
    query = single_values(request.args)
    name, choice = query.get("part", "result"), _choice(query)
    shown = _first_page(job, name) if choice == Choice() else None
    return render_template(
        "table.html",
        job=job,
        name=name,
        title="Table" if name == "result" else Part(name, "table", None).title,
        choice=choice,
        shown=shown or desk().jobs.results.apart(_table(job, name).page, choice),
        address=lambda **changes: _address(job, {**query, **changes}),
    )


def _choice(query: Mapping[str, str]) -> Choice:
    faults = [
        FieldError(f"/{name}", "Must be a whole number.")
        for name in ("sort", "page")
        if not (query.get(name, "0").isdecimal() and len(query.get(name, "")) <= 9)
    ]
    if len(query.get("q", "")) > MAX_FILTER:
        faults.append(FieldError("/q", f"Must have {MAX_FILTER} characters at most."))
    if faults:
        raise InvalidArguments(faults)
    sort = int(query["sort"]) if "sort" in query else None
    return Choice(query.get("q", "").strip(), sort, query.get("order") == "desc", max(int(query.get("page", "1")), 1))


def _first_page(job: Job, name: str) -> TablePage | None:
    """Return the first page from the preview, so that nothing large is read; None if the preview has too little."""
    for part in desk().jobs.results.preview(job).parts:
        if part.name == name and (table := part.table):
            return first_page(table, part.shape or (len(table["rows"]), len(table["columns"])))
    return None


def _table(job: Job, name: str) -> WholeTable:
    key = (job.id, str(job.ended_at), name)
    if not (table := _kept.get(key)):
        results = desk().jobs.results
        table = results.read(job, results.text(job), _read, name)
        while len(_kept) >= KEPT:
            _kept.pop(next(iter(_kept)), None)
        _kept[key] = table
        gevent.spawn_later(KEPT_SECONDS, _kept.pop, key, None)
    return table


def _read(job: Job, value: Any, _size: int, name: str) -> WholeTable:
    for part in result_parts(job.result_kinds, value):
        if part.name == name and part.table:
            return WholeTable(part.table)
    raise ArtifactNotFound(job.id, name)


def _address(job: Job, query: Mapping[str, Any]) -> str:
    return url_for("pages.show_table", job_id=job.id, **{name: value for name, value in query.items() if value})
