"""The page of the charts: how many jobs ended, ran and waited, over an hour, a day or a week."""

from __future__ import annotations

from flask import Blueprint, render_template, request

from taskdesk.jobs.series import PERIODS
from taskdesk.web.charts import Chart
from taskdesk.web.context import desk
from taskdesk.web.pages.view.charts import figures_of, p95_in_words
from taskdesk.web.query import single_values


def add_routes(bp: Blueprint) -> None:
    bp.get("/charts")(show_charts)


def show_charts() -> str:
    """Show `?period=` of `?task=` or `?queue=`, which the form sends as `?of=task:<name>` or `?of=queue:<name>`."""
    query = single_values(request.args)
    kind, _, name = query.pop("of", "").partition(":")
    chart = Chart.of(query | ({kind: name} if kind else {}))
    return render_template(
        "charts.html",
        chart=chart,
        figures=figures_of(chart.steps),
        p95_in_words=p95_in_words,
        periods=[*PERIODS],
        tasks=sorted(desk().catalog.read().tasks),
        queues=desk().queues.names,
    )
