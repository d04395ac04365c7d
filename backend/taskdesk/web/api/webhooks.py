"""Webhooks: what was sent about a job, sent again; URLs that are switched off."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, request

from taskdesk.jobs.errors import FieldError, InvalidArguments
from taskdesk.jobs.representations import delivery_object, time_text
from taskdesk.service.outbound import shown_url
from taskdesk.web.access.roles import needs
from taskdesk.web.context import desk
from taskdesk.web.forms import json_object


def add_routes(bp: Blueprint) -> None:
    bp.get("/jobs/<job_id>/deliveries")(list_deliveries)
    bp.post("/jobs/<job_id>/deliveries/<delivery_id>/redeliver")(redeliver)
    bp.get("/webhooks")(show_webhooks)
    bp.post("/webhooks:switch-on")(switch_on_webhook)


def list_deliveries(job_id: str) -> dict[str, Any]:
    """Return the deliveries of the job, the newest first, each with its attempts."""
    desk().jobs.get(job_id)
    return {"data": [delivery_object(delivery) for delivery in desk().deliveries.of(job_id)]}


@needs("user")
def redeliver(job_id: str, delivery_id: str) -> tuple[dict[str, Any], int]:
    return delivery_object(desk().deliveries.redeliver(job_id, delivery_id)), 202


def show_webhooks() -> dict[str, Any]:
    """Return how many deliveries there are by status, and the URLs that are switched off."""
    off = desk().deliveries.switched_off()
    shown = [{"url": shown_url(url), "since": time_text(since)} for url, since in off.items()]
    return {"deliveries": desk().deliveries.figures(), "switched_off": shown}


@needs("operator")
def switch_on_webhook() -> dict[str, Any]:
    """Let messages go to a URL again."""
    url = json_object(request).get("url")
    if not isinstance(url, str) or not desk().deliveries.switch_on(url):
        raise InvalidArguments([FieldError("/url", "This has to be a URL that is switched off, as GET shows it.")])
    return show_webhooks()
