"""The users and tokens of the desk, for the pages and the API. Each change is counted, by user and by address."""

from __future__ import annotations

import base64
import hmac
from datetime import datetime
from typing import Any

from flask import current_app, request, url_for

from taskdesk.service.accounts import Accounts, Identity, Token, token_digest
from taskdesk.service.errors import AppError
from taskdesk.service.people import People, Person
from taskdesk.service.rate_limits import RateLimit
from taskdesk.web.access.identity import authenticator
from taskdesk.web.context import desk
from taskdesk.web.exchange import current_exchange

CHANGES = "60/minute"  # changes of accounts, for each user and for each address
DAYS = 3_650  # that a token may be valid, if it expires


class LoginsOff(AppError):
    """Logins are off: without them there are no users and tokens to manage."""

    status = 409

    def __init__(self) -> None:
        super().__init__("This desk has no logins. Start it with AUTH=on; docs/security.md shows how.")


def people() -> People:
    """Return the users, to look at. Raises LoginsOff."""
    if not authenticator().is_on:
        raise LoginsOff()
    return People(desk().redis, authenticator().admin)


def changed_people() -> People:
    """Return the users, for a change, which this counts. Raises LoginsOff, TooManyRequests."""
    found = people()
    limit: RateLimit = current_app.extensions["account_limit"]
    limit.count("account address", request.remote_addr or "")
    limit.count("account user", sender().name)
    authenticator().forget()
    return found


def accounts() -> Accounts:
    return Accounts(desk().redis)


def sender() -> Identity:
    """Return the user of a request that has passed the check of its role."""
    user = current_exchange().user
    assert user
    return user


def set_password_url(key: str) -> str:
    """Return the address of the page on which the user with this key sets a password."""
    return url_for("password.show_set_password", key=key, _external=True)


def add_token(user: str, name: str, role: str | None, days: int | None, *, form_token: str = "") -> tuple[str, Token]:
    """Create a token; return its text and what is known of it. The same form, sent twice, creates one token.

    Raises as `Accounts.add_token`, LoginsOff.
    """
    changed_people()
    text = _text_of(form_token, sender().name, user, name, str(role), str(days)) if form_token else ""
    text = accounts().add_token(user, name, role, days, text=text)
    current_exchange().subject = f"{user}/{name}"
    return text, accounts().read()[1][token_digest(text)]


def _text_of(*form: str) -> str:
    """Return the text of the token that a form creates: always the same, and only the secret key tells it."""
    key = str(current_app.secret_key).encode()
    digest = hmac.digest(key, "\n".join(("token", *form)).encode(errors="replace"), "sha256")
    return f"td_{base64.urlsafe_b64encode(digest).decode().rstrip('=')}"


def tokens() -> list[Token]:
    """Return all tokens by user and name. Raises LoginsOff."""
    people()
    return sorted(accounts().read()[1].values(), key=lambda one: (one.user, one.name))


def person_object(person: Person) -> dict[str, Any]:
    user = person.user
    return {
        "name": user.name,
        "role": user.role,
        "disabled": person.is_disabled,
        "has_password": bool(user.password),
        "created_at": _text(user.created_at),
        "link_ends_at": _text(person.link_ends_at),
    }


def token_object(token: Token) -> dict[str, Any]:
    return {
        "id": token.id,
        "user": token.user,
        "name": token.name,
        "role": token.role,
        "created_at": _text(token.created_at),
        "expires_at": _text(token.expires_at),
        "expired": token.has_expired,
    }


def _text(moment: datetime | None) -> str | None:
    return moment.isoformat(timespec="seconds") if moment else None
