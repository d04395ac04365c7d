"""Before each request: identify its sender, and ask the route (roles.py) whether this user may use it."""

from __future__ import annotations

from collections.abc import Callable

from flask import Flask, Response, current_app, redirect, request, session, url_for
from flask_wtf.csrf import CSRFError, CSRFProtect, generate_csrf
from markupsafe import Markup
from werkzeug.wrappers import Response as BaseResponse

from taskdesk.jobs.job_id import is_job_id
from taskdesk.jobs.schedules.errors import ScheduleNotFound
from taskdesk.service import clock
from taskdesk.service.accounts import Accounts, Identity, User
from taskdesk.service.errors import AppError
from taskdesk.web.access.identity import Authenticator, authenticator, current_user
from taskdesk.web.access.kept_form import login_for_form
from taskdesk.web.access.open_sessions import SESSION_SECONDS, OpenSessions
from taskdesk.web.access.roles import NotAllowed, NotLoggedIn, check_role
from taskdesk.web.access.sessions import Sessions
from taskdesk.web.context import desk
from taskdesk.web.errors import answer_app_error, wants_json
from taskdesk.web.exchange import Exchange, current_exchange
from taskdesk.web.settings import WebSettings

_FIELD = "-csrf"  # no parameter of a task can have this name


class StaleForm(AppError):
    """Stale form: it comes from a page of another session, or from another site."""

    status = 403

    def __init__(self, has_cookie: bool) -> None:
        super().__init__(
            "The form comes from an earlier session. Load the page again, and send the form once more."
            if has_cookie
            else "The form came without a cookie of this desk. Allow cookies; in production they need HTTPS."
        )


def install(app: Flask, settings: WebSettings) -> None:
    redis = app.extensions["desk"].redis
    app.extensions["authenticator"] = Authenticator(Accounts(redis), OpenSessions(redis), settings)
    app.jinja_env.globals.update(current_user=current_user, csrf_field=_csrf_field)
    if settings.auth:
        _have_sessions(app, settings)


def admit_user(exchange: Exchange, authenticator: Authenticator) -> None:
    """Set the exchange's user. Raises NotLoggedIn, StaleForm or NotAllowed if the route is not for this user.

    Flask's session and form are read only if the request has a cookie.
    """
    access = exchange.access
    if access.role is None:
        return
    user = identify(exchange, authenticator)
    if user is None:
        raise NotLoggedIn()
    if access.writes and authenticator.is_on and "HTTP_AUTHORIZATION" not in exchange.environ:
        check_csrf()
    check_role(access, user)
    if access.writes:
        _check_owner(exchange, user)


def identify(exchange: Exchange, authenticator: Authenticator) -> Identity | None:
    """Set and return the user: by the request's token if it has one, else by its session; None if neither is valid."""
    environ = exchange.environ
    user = authenticator.by_header(environ)
    if user is None and "HTTP_AUTHORIZATION" not in environ and "HTTP_COOKIE" in environ:
        user = _of_session(authenticator)
    exchange.user = user
    return user


def login_check() -> Callable[[], bool] | None:
    """Return a function that tells, after the request, whether its user is still logged in. None if AUTH is off."""
    users = authenticator()
    if not users.is_on:
        return None
    if header := request.headers.get("Authorization"):
        return lambda: users.by_header({"HTTP_AUTHORIZATION": header}) is not None
    of = session["user"], session["mark"], session.get("id", ""), session["since"]
    return lambda: _lasts(of[-1]) and users.by_session(*of) is not None


def log_in(user: User) -> None:
    """Start a new session, and discard the one that came with the request."""
    session.clear()
    session.permanent = True
    mark = authenticator().mark(user)
    agent = request.headers.get("User-Agent", "")
    session_id, since = open_sessions().begin(user.name, mark, request.remote_addr or "", agent)
    session.update(user=user.name, mark=mark, id=session_id, since=since)
    current_exchange().user = Identity(user.name, user.role)


def open_sessions() -> OpenSessions:
    return OpenSessions(desk().redis)


def check_csrf() -> None:
    """Raise StaleForm unless the request has the token of its session, in a field or in the header X-CSRFToken."""
    if not authenticator().is_on:  # there are no sessions
        return
    try:
        current_app.extensions["csrf"].protect()
    except CSRFError:
        raise StaleForm(current_app.config["SESSION_COOKIE_NAME"] in request.cookies) from None


def _have_sessions(app: Flask, settings: WebSettings) -> None:
    is_prod = settings.env == "prod"
    app.config.update(
        SECRET_KEY=settings.secret_key.get_secret_value(),
        SESSION_COOKIE_NAME="__Host-taskdesk" if is_prod else "taskdesk",  # no other host can set a __Host- cookie
        SESSION_COOKIE_SECURE=is_prod,
        SESSION_COOKIE_SAMESITE="Lax",
        SESSION_REFRESH_EACH_REQUEST=False,
        PERMANENT_SESSION_LIFETIME=SESSION_SECONDS,
        WTF_CSRF_CHECK_DEFAULT=False,  # admit_user calls check_csrf
        WTF_CSRF_FIELD_NAME=_FIELD,
        WTF_CSRF_TIME_LIMIT=None,  # the token is valid as long as the session
        WTF_CSRF_SSL_STRICT=False,  # protection.py has checked the origin
    )
    app.session_interface = Sessions()
    CSRFProtect(app)
    app.register_error_handler(NotLoggedIn, _ask_to_log_in)


def _of_session(authenticator: Authenticator) -> Identity | None:
    if not _lasts(session.get("since", 0)):
        return None
    return authenticator.by_session(session["user"], session["mark"], session.get("id", ""), session["since"])


def _lasts(since: float) -> bool:
    return abs(clock.now() - since) < SESSION_SECONDS


def _ask_to_log_in(error: NotLoggedIn) -> BaseResponse:
    """Redirect a page to the login, which also keeps a form; the API, and a script of a page, get the error."""
    if wants_json() or request.headers.get("Sec-Fetch-Mode", "navigate") != "navigate":
        return answer_app_error(error)
    if request.method == "POST":
        return Response(login_for_form(request, _FIELD), error.status, error.headers)
    return redirect(url_for("login.show_login", next=request.script_root + request.full_path.rstrip("?")))


def _check_owner(exchange: Exchange, user: Identity) -> None:
    if user.role != "operator" and (schedule_id := exchange.view_args.get("schedule_id")):
        _check_owner_of_schedule(schedule_id, user)
    job_id = exchange.view_args.get("job_id")
    if not job_id or not is_job_id(job_id) or user.role == "operator":  # the view refuses an invalid id
        return
    [owner] = desk().jobs.owners([job_id])
    if owner is not None and not user.may_change(owner):
        raise NotAllowed(f"Job {job_id} belongs to {owner or 'nobody'}. Only its owner and operators may change it.")


def _check_owner_of_schedule(schedule_id: str, user: Identity) -> None:
    try:
        owner = desk().schedules.get(schedule_id).owner
    except ScheduleNotFound:  # the view says so
        return
    if not user.may_change(owner):
        raise NotAllowed(
            f"Schedule {schedule_id} belongs to {owner or 'nobody'}. Only its owner and operators may change it."
        )


def _csrf_field() -> Markup:
    """Return the hidden field for a form that is sent by POST; empty if AUTH is off, because there are no sessions."""
    if not authenticator().is_on:
        return Markup()
    return Markup('<input type="hidden" name="{}" value="{}">').format(_FIELD, _form_token())


def _form_token() -> str:
    """Return the token of the session: always the same, so that a page that is fetched again has not changed."""
    if "form" not in session:
        session["form"] = generate_csrf()
    return str(session["form"])


def keep_private(response: Response) -> None:
    """Let no shared cache keep an answer to a user."""
    response.headers.setdefault("Cache-Control", "private, no-cache")
