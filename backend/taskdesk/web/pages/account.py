"""The page of the own account, for everybody: the password, and the sessions."""

from __future__ import annotations

from flask import Blueprint, current_app, redirect, render_template, request, session, url_for
from werkzeug.wrappers import Response

from taskdesk.service.accounts import InvalidAccount
from taskdesk.service.errors import AppError
from taskdesk.service.rate_limits import RateLimit
from taskdesk.web.access.auth import log_in, open_sessions
from taskdesk.web.access.identity import authenticator
from taskdesk.web.access.people import changed_people, sender
from taskdesk.web.access.roles import needs

_DONE = {"password": "The password is changed. All other sessions have ended.", "sessions": "The sessions have ended."}


class NoSession(AppError):
    """No session: this is for a user who has logged in."""

    status = 409

    def __init__(self) -> None:
        super().__init__("This request has a token and no session. Log in on the page /login.")


def add_routes(bp: Blueprint) -> None:
    bp.get("/account")(show_account)
    bp.post("/account/password")(change_password)
    bp.post("/account/sessions/<session_id>/end")(end_session)
    bp.post("/account/end-other-sessions")(end_other_sessions)


def show_account() -> str:
    return _page()


@needs("viewer")
def change_password() -> Response | tuple[str, int]:
    """Change the own password. The old one is asked for: a session may be somebody else's by now."""
    people, name = changed_people(), _name()
    limit: RateLimit = current_app.extensions["login_limit"]
    limit.count("name", name)
    limit.count("address", request.remote_addr or "")
    if name == authenticator().admin:
        return _page("This password is the setting ADMIN_PASSWORD: change it there."), 422
    if not authenticator().by_password(name, request.form.get("old", "")):
        return _page("The old password is wrong."), 422
    if request.form.get("new", "") != request.form.get("again", ""):
        return _page("The two new passwords differ. Type the new one twice."), 422
    try:
        people.set_password(name, authenticator().hash(request.form["new"]))
    except InvalidAccount as error:
        return _page(str(error)), error.status
    _start_anew(name)
    return _back("password")


@needs("viewer")
def end_session(session_id: str) -> Response:
    """End one of the own sessions. Raises SessionNotFound."""
    changed_people()
    open_sessions().end(sender().name, session_id)
    return _back("sessions")


@needs("viewer")
def end_other_sessions() -> Response:
    """End all own sessions but this one, which begins anew."""
    changed_people()
    _start_anew(_name())
    return _back("sessions")


def _start_anew(name: str) -> None:
    open_sessions().end_all(name)
    authenticator().forget()
    if user := authenticator().user(name):
        log_in(user)


def _name() -> str:
    """Return the name of the user of the session. Raises NoSession."""
    if sender().token:
        raise NoSession()
    return sender().name


def _back(done: str) -> Response:
    return redirect(url_for("pages.show_account", done=done), 303)


def _page(problem: str = "") -> str:
    if not authenticator().is_on:
        return render_template("logins_off.html", title="Account")
    user = authenticator().user(sender().name)
    return render_template(
        "account.html",
        problem=problem,
        done=_DONE.get(request.args.get("done", ""), ""),
        is_admin=sender().name == authenticator().admin,
        sessions=open_sessions().of(user.name, authenticator().mark(user)) if user else [],
        this=session.get("id", "") if not sender().token else "",
    )
