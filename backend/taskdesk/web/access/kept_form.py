"""A form that was sent after its session had ended. The page of the login keeps it, and offers it after the login."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import urlsplit

from flask import Request, render_template, url_for
from werkzeug.exceptions import HTTPException

from taskdesk.web.access.protection import UnreadableForm
from taskdesk.web.body_limits import SMALL_BYTES

KEPT = "-kept"  # field of the login
_MOST_BYTES = 4_000  # of JSON: percent-encoded, it fits into the body of a login


def login_for_form(request: Request, csrf_name: str) -> str:
    """Return the page of the login for a form that came without a valid session."""
    kept = _kept(request, csrf_name)
    said = "Log in to send it." if kept else "Log in, and send the form again."
    return render_template("login.html", problem=f"Your session has ended. {said}", next=_back(request), kept=kept)


def read_kept(text: str) -> dict[str, Any] | None:
    """Return the path and the fields of a kept form; None if there is none."""
    try:
        kept = json.loads(text) if text else None
        fields = [(str(name), str(value)) for name, value in kept["fields"]] if kept else []
        return {"path": str(kept["path"]), "fields": fields} if kept else None
    except (ValueError, TypeError, KeyError):
        return None


def _kept(request: Request, csrf_name: str) -> str:
    """Return the path and the fields of the form as JSON, without its files; empty if they have no room."""
    if (request.content_length or 0) > SMALL_BYTES:
        return ""
    try:
        fields = [pair for pair in request.form.items(multi=True) if pair[0] != csrf_name]
    except (HTTPException, UnreadableForm):
        return ""
    text = json.dumps({"path": _address(request.script_root + request.full_path), "fields": fields}, ensure_ascii=False)
    return text if len(text.encode(errors="replace")) <= _MOST_BYTES else ""


def _back(request: Request) -> str:
    """Return the page that the form stood on."""
    page = urlsplit(request.referrer or "")
    return _address(f"{page.path}?{page.query}") if page.netloc == request.host else url_for("pages.home")


def _address(path: str) -> str:
    return path.rstrip("?")
