"""The reference of the API for people, made from its OpenAPI document."""

from __future__ import annotations

from flask import Blueprint, render_template, request

from taskdesk.web.api.openapi import document
from taskdesk.web.context import desk
from taskdesk.web.pages.view.api_reference import ApiReference


def add_routes(bp: Blueprint) -> None:
    bp.get("/docs")(show_docs)


def show_docs() -> str:
    description = document(desk().catalog.read(), desk().queues.names, request.script_root)
    reference = ApiReference(description, request.url_root.rstrip("/"))
    operations = [one for one in reference.operations() if not (one.tag == "tasks" and one.path.endswith(":batch"))]
    return render_template(
        "docs.html",
        info=description["info"],
        groups=[(tag, [one for one in operations if one.tag == tag["name"]]) for tag in description["tags"]],
        objects=reference.objects(),
    )
