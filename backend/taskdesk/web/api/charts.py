"""The numbers of the charts."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, request

from taskdesk.web.charts import Chart
from taskdesk.web.query import single_values


def add_routes(bp: Blueprint) -> None:
    bp.get("/charts")(show_chart)


def show_chart() -> dict[str, Any]:
    return Chart.of(single_values(request.args)).as_object()
