"""The page to log in, and the way out."""

from __future__ import annotations

import re

from flask import Blueprint, redirect, render_template, request, session, url_for
from werkzeug.wrappers import Response

from taskdesk.web.access.auth import check_csrf, identify, log_in
from taskdesk.web.access.identity import authenticator
from taskdesk.web.access.roles import needs, public

bp = Blueprint("login", __name__)
_LOCAL = re.compile(r"/(?![/\\])[^\\\x00-\x20\x7f]*")  # browsers take // and /\ for the beginning of another host


@bp.get("/login")
@public
def show_login() -> Response | str:
    return redirect(_next()) if identify() else _page()


@bp.post("/login", endpoint="log_in")
@public
def take_password() -> Response | tuple[str, int]:
    check_csrf()
    user = authenticator().by_password(request.form.get("name", ""), request.form.get("password", ""))
    if user is None:
        return _page("The name or the password is wrong."), 401
    log_in(user)
    return redirect(_next(), 303)


@bp.post("/logout")
@needs("viewer")
def log_out() -> Response:
    session.clear()
    return redirect(url_for("login.show_login"), 303)


def _page(problem: str = "") -> str:
    return render_template("login.html", problem=problem, name=request.form.get("name", ""), next=_next())


def _next() -> str:
    """Where the visitor was going, if that is a page of this desk."""
    target = request.values.get("next", "")
    return target if _LOCAL.fullmatch(target) else url_for("pages.home")
