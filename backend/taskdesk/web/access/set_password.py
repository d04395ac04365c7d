"""The page on which a user sets a password, with the link of an operator. The link works once."""

from __future__ import annotations

from flask import Blueprint, Response, current_app, make_response, redirect, render_template, request, url_for
from werkzeug.wrappers import Response as BaseResponse

from taskdesk.service.accounts import InvalidAccount
from taskdesk.service.people import People
from taskdesk.service.rate_limits import RateLimit
from taskdesk.web.access.auth import check_csrf, log_in
from taskdesk.web.access.identity import authenticator
from taskdesk.web.access.people import people
from taskdesk.web.access.roles import public
from taskdesk.web.exchange import current_exchange

bp = Blueprint("password", __name__)


@bp.get("/set-password")
@public
def show_set_password() -> Response:
    return _page(people().of_link(request.args.get("key", "")).user.name)


@bp.post("/set-password")
@public
def set_password() -> BaseResponse:
    found = _counted()
    check_csrf()
    key, password = request.form.get("key", ""), request.form.get("new", "")
    name = found.of_link(key).user.name
    current_exchange().view_args = {"name": name}  # the audit log has it
    if password != request.form.get("again", ""):
        return _page(name, "The two passwords differ. Type the new one twice.")
    try:
        user = found.use_link(key, authenticator().hash(password))
    except InvalidAccount as error:
        return _page(name, str(error))
    authenticator().forget()
    log_in(user)
    return redirect(url_for("pages.home"), 303)


def _counted() -> People:
    """Return the users, and count this attempt to guess a link. Raises TooManyRequests."""
    limit: RateLimit = current_app.extensions["login_limit"]
    limit.count("address", request.remote_addr or "")
    return people()


def _page(name: str, problem: str = "") -> Response:
    key = request.values.get("key", "")
    page = render_template("set_password.html", name=name, key=key, problem=problem)
    return make_response(page, 422 if problem else 200)
