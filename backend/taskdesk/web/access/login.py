"""Log in and log out."""

from __future__ import annotations

import re
from contextlib import suppress

from flask import Blueprint, current_app, redirect, render_template, request, session, url_for
from redis.exceptions import RedisError
from werkzeug.wrappers import Response

from taskdesk.service.rate_limits import RateLimit
from taskdesk.web.access.auth import check_csrf, identify, log_in, open_sessions
from taskdesk.web.access.identity import authenticator
from taskdesk.web.access.kept_form import KEPT, read_kept
from taskdesk.web.access.open_sessions import SessionNotFound
from taskdesk.web.access.roles import needs, public
from taskdesk.web.exchange import current_exchange

bp = Blueprint("login", __name__)
MAX_NAME = 64  # characters
_LOCAL = re.compile(r"/(?![/\\])[^\\\x00-\x20\x7f]*")  # browsers read // and /\ as another host


@bp.get("/login")
@public
def show_login() -> Response | str:
    return redirect(_next()) if identify(current_exchange(), authenticator()) else _page()


@bp.post("/login", endpoint="log_in")
@public
def take_password() -> Response | str | tuple[str, int]:
    limit: RateLimit = current_app.extensions["login_limit"]
    limit.count("address", request.remote_addr or "")  # before anything reads the body, which may be unreadable
    name = request.form.get("name", "")[:MAX_NAME]
    current_exchange().view_args = {"name": name}  # the audit log has it
    limit.count("name", name)
    check_csrf()
    user = authenticator().by_password(name, request.form.get("password", ""))
    if user is None:
        return _page("Wrong username or password."), 401
    log_in(user)
    kept = read_kept(request.form.get(KEPT, ""))
    if kept and _LOCAL.fullmatch(kept["path"]):
        return render_template("send_again.html", **kept, back=_next())
    return redirect(_next(), 303)


@bp.post("/logout")
@needs("viewer")
def log_out() -> Response:
    with suppress(RedisError, SessionNotFound):  # the cookie is deleted anyway
        open_sessions().end(session.get("user", ""), session.get("id", ""))
        authenticator().forget()
    session.clear()
    return redirect(url_for("login.show_login"), 303)


def _page(problem: str = "") -> str:
    form = request.form
    return render_template(
        "login.html", problem=problem, name=form.get("name", ""), next=_next(), kept=form.get(KEPT, "")
    )


def _next() -> str:
    """Return the address that the user came from, if it is a page of this desk."""
    target = request.values.get("next", "")
    return target if _LOCAL.fullmatch(target) else url_for("pages.home")
