"""The page of the tokens: for operators those of all users, for others their own."""

from __future__ import annotations

from flask import Blueprint, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from taskdesk.service.accounts import ROLES, InvalidAccount, Token, TokenExists, TokenNotFound, UserNotFound
from taskdesk.web.access.identity import authenticator
from taskdesk.web.access.people import accounts, add_token, changed_people, people, sender, tokens
from taskdesk.web.access.roles import NotAllowed, needs
from taskdesk.web.form_token import form_token

LIFETIMES = {"7": "7 days", "30": "30 days", "90": "90 days", "365": "1 year", "": "never"}


def add_routes(bp: Blueprint) -> None:
    bp.get("/tokens")(list_tokens)
    bp.post("/tokens", endpoint="add_token")(create_token)
    bp.post("/tokens/<token_id>/revoke")(revoke_token)


def list_tokens() -> str:
    return _page()


@needs("viewer")
def create_token() -> str | tuple[str, int]:
    """Create a token and show it. It can't be shown again."""
    form, user = request.form, sender()
    owner = form.get("user", "").strip() or user.name
    try:
        days = form.get("days", "unknown")
        if days not in LIFETIMES:
            raise InvalidAccount("Choose when the token expires.")
        _check_may_manage(owner)
        name, role = form.get("name", "").strip(), form.get("role") or None
        text, token = add_token(owner, name, role, int(days or 0) or None, form_token=form_token())
    except (InvalidAccount, TokenExists, UserNotFound) as error:
        return _page(problem=str(error)), error.status
    return _page(text=text, name=token.name), 201


@needs("viewer")
def revoke_token(token_id: str) -> Response:
    """Revoke a token; of another user only by an operator, and for others it does not exist."""
    if token_id not in {token.id for token in _visible()}:
        raise TokenNotFound(token_id)
    _check_may_manage(sender().name)
    changed_people()
    accounts().revoke_token(token_id)
    return redirect(url_for("pages.list_tokens"), 303)


def _check_may_manage(owner: str) -> None:
    """Raise NotAllowed for the tokens of others, and if a token asks: it could make itself last longer."""
    user = sender()
    if user.role != "operator" and (user.token or owner != user.name):
        raise NotAllowed("Log in with your password to manage your tokens. Those of others need the role operator.")


def _visible() -> list[Token]:
    user = sender()
    return [token for token in tokens() if user.role == "operator" or token.user == user.name]


def _page(text: str = "", name: str = "", problem: str = "") -> str:
    if not authenticator().is_on:
        return render_template("logins_off.html", title="Tokens")
    user = sender()
    roles = ROLES[: ROLES.index(user.role) + 1]
    return render_template(
        "tokens.html",
        tokens=_visible(),
        names=[*people().all()] if user.role == "operator" else [],
        is_admin=user.name == authenticator().admin,
        roles=roles,
        lifetimes=LIFETIMES,
        text=text,
        name=name,
        problem=problem,
        form=request.form,
    )
