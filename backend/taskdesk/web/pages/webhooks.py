"""The webhook on the page of a job: send a delivery again, and switch an address on again."""

from __future__ import annotations

from flask import Blueprint, redirect, url_for
from werkzeug.wrappers import Response

from taskdesk.web.access.roles import needs
from taskdesk.web.context import desk


def add_routes(bp: Blueprint) -> None:
    bp.post("/jobs/<job_id>/deliveries/<delivery_id>/redeliver")(redeliver)
    bp.post("/jobs/<job_id>/deliveries/<delivery_id>/switch-on")(switch_on_webhook)


@needs("user")
def redeliver(job_id: str, delivery_id: str) -> Response:
    desk().deliveries.redeliver(job_id, delivery_id)
    return _to_the_job(job_id)


@needs("operator")
def switch_on_webhook(job_id: str, delivery_id: str) -> Response:
    """Switch the address of a delivery on again, and send it."""
    for delivery in desk().deliveries.of(job_id):
        if delivery.id == delivery_id:
            desk().deliveries.switch_on(delivery.url)
    desk().deliveries.redeliver(job_id, delivery_id)
    return _to_the_job(job_id)


def _to_the_job(job_id: str) -> Response:
    return redirect(url_for("pages.show_job", job_id=job_id, _anchor="webhook-heading"), 303)
