"""What a page may offer to its user: a form stands on a page only if its route would take it."""

from __future__ import annotations

from flask import Flask, current_app

from taskdesk.web.access.identity import authenticator, current_user
from taskdesk.web.access.roles import Access, access_of, is_allowed


def install(app: Flask) -> None:
    app.jinja_env.globals.update(may_send=may_send, role_for=role_for, is_logged_out=is_logged_out, may_see=may_see)


def may_send(endpoint: str, owner: str | None = None) -> bool:
    """Return True if the user of this request may send a form to this route; with `owner`, for a job of this owner."""
    user = current_user()
    return is_allowed(_access(endpoint), user) and (owner is None or user is None or user.may_change(owner))


def may_see(endpoint: str) -> bool:
    """Return True if the user of this request may see this page."""
    return is_allowed(access_of(current_app.view_functions[endpoint], "GET"), current_user())


def role_for(endpoint: str) -> str | None:
    """Return the role that a form for this route needs."""
    return _access(endpoint).role


def is_logged_out() -> bool:
    """Return True if the desk has logins, and this request has none."""
    return authenticator().is_on and current_user() is None


def _access(endpoint: str) -> Access:
    return access_of(current_app.view_functions[endpoint], "POST")
