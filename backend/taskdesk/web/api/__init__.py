"""The HTTP API, version 1."""

from flask import Blueprint

from taskdesk.web.api import (
    accounts,
    actions,
    alerts,
    audit,
    charts,
    failures,
    jobs,
    openapi,
    presets,
    queues,
    schedules,
    tasks,
    webhooks,
)

bp = Blueprint("api", __name__, url_prefix="/api/v1")
tasks.add_routes(bp)
presets.add_routes(bp)
jobs.add_routes(bp)
charts.add_routes(bp)
actions.add_routes(bp)
failures.add_routes(bp)
queues.add_routes(bp)
schedules.add_routes(bp)
alerts.add_routes(bp)
webhooks.add_routes(bp)
accounts.add_routes(bp)
audit.add_routes(bp)
openapi.add_routes(bp)
