"""The pages of the users, for operators: who may log in, with which role."""

from __future__ import annotations

from flask import Blueprint, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from taskdesk.service.accounts import ROLES, InvalidAccount
from taskdesk.service.people import LINK_SECONDS, People, UserExists
from taskdesk.web.access.auth import open_sessions
from taskdesk.web.access.identity import authenticator
from taskdesk.web.access.people import changed_people, people, set_password_url, tokens
from taskdesk.web.access.roles import needs, shows_to
from taskdesk.web.exchange import current_exchange


def add_routes(bp: Blueprint) -> None:
    bp.get("/users")(list_users)
    bp.post("/users")(add_user)
    bp.get("/users/<name>")(show_user)
    bp.post("/users/<name>/role")(set_role)
    bp.post("/users/<name>/disable")(disable_user)
    bp.post("/users/<name>/enable")(enable_user)
    bp.post("/users/<name>/link")(new_link)
    bp.post("/users/<name>/remove")(remove_user)


@shows_to("operator")
def list_users() -> str:
    return _list()


@needs("operator")
def add_user() -> str | tuple[str, int]:
    """Add a user, and show the link with which the user sets a password. It can't be shown again."""
    name, role = request.form.get("name", "").strip(), request.form.get("role", "")
    try:
        key = changed_people().add(name, role)
    except (InvalidAccount, UserExists) as error:
        return _list(problem=str(error)), error.status
    current_exchange().subject = name
    return _list(name=name, link=set_password_url(key)), 201


@shows_to("operator")
def show_user(name: str) -> str:
    return _user(people(), name)


@needs("operator")
def set_role(name: str) -> Response:
    changed_people().set_role(name, request.form.get("role", ""))
    return _back(name)


@needs("operator")
def disable_user(name: str) -> Response:
    changed_people().disable(name)
    open_sessions().end_all(name)
    return _back(name)


@needs("operator")
def enable_user(name: str) -> Response:
    changed_people().enable(name)
    return _back(name)


@needs("operator")
def new_link(name: str) -> str:
    """Show a link with which the user sets a new password. It can't be shown again."""
    found = changed_people()
    return _user(found, name, set_password_url(found.new_link(name)))


@needs("operator")
def remove_user(name: str) -> Response:
    changed_people().remove(name)
    return redirect(url_for("pages.list_users"), 303)


def _back(name: str) -> Response:
    return redirect(url_for("pages.show_user", name=name), 303)


def _list(name: str = "", link: str = "", problem: str = "") -> str:
    if not authenticator().is_on:
        return render_template("logins_off.html", title="Users")
    return render_template(
        "users.html",
        people=people().all().values(),
        admin=authenticator().admin,
        roles=ROLES,
        name=name,
        link=link,
        days=LINK_SECONDS // 86400,
        problem=problem,
        form=request.form,
    )


def _user(found: People, name: str, link: str = "") -> str:
    return render_template(
        "user.html",
        person=found.get(name),
        roles=ROLES,
        link=link,
        days=LINK_SECONDS // 86400,
        tokens=[token for token in tokens() if token.user == name],
    )
