"""Users and tokens, for operators."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, request

from taskdesk.jobs.errors import FieldError, InvalidArguments
from taskdesk.jobs.schema_rules import sentence
from taskdesk.service.accounts import ROLES
from taskdesk.web.access.auth import open_sessions
from taskdesk.web.access.people import (
    DAYS,
    accounts,
    add_token,
    changed_people,
    people,
    person_object,
    set_password_url,
    token_object,
    tokens,
)
from taskdesk.web.access.roles import needs, shows_to
from taskdesk.web.exchange import current_exchange
from taskdesk.web.forms import json_object


def add_routes(bp: Blueprint) -> None:
    bp.get("/users")(list_users)
    bp.post("/users")(add_user)
    bp.get("/users/<name>")(show_user)
    bp.patch("/users/<name>")(change_user)
    bp.delete("/users/<name>")(remove_user)
    bp.post("/users/<name>/link")(new_link)
    bp.get("/tokens")(list_tokens)
    bp.post("/tokens", endpoint="add_token")(create_token)
    bp.delete("/tokens/<token_id>")(revoke_token)


@shows_to("operator")
def list_users() -> dict[str, Any]:
    return {"data": [person_object(person) for person in people().all().values()]}


@needs("operator")
def add_user() -> tuple[dict[str, Any], int]:
    """Add a user. The link in the answer, with which the user sets a password, can't be shown again."""
    body = _body({"name": _text, "role": _role}, ("name",))
    found = changed_people()
    key = found.add(body["name"], body.get("role", "user"))
    current_exchange().subject = body["name"]
    return {**person_object(found.get(body["name"])), "link": set_password_url(key)}, 201


@shows_to("operator")
def show_user(name: str) -> dict[str, Any]:
    return person_object(people().get(name))


@needs("operator")
def change_user(name: str) -> dict[str, Any]:
    """Change the role, disable the user, or enable the user again."""
    body = _body({"role": _role, "disabled": _bool})
    found = changed_people()
    found.get(name)
    if "role" in body:
        found.set_role(name, body["role"])
    if body.get("disabled"):
        found.disable(name)
        open_sessions().end_all(name)
    elif "disabled" in body:
        found.enable(name)
    return person_object(found.get(name))


@needs("operator")
def remove_user(name: str) -> tuple[str, int]:
    changed_people().remove(name)
    return "", 204


@needs("operator")
def new_link(name: str) -> tuple[dict[str, Any], int]:
    """Return a link with which the user sets a new password. It can't be shown again."""
    found = changed_people()
    key = found.new_link(name)
    return {**person_object(found.get(name)), "link": set_password_url(key)}, 201


@shows_to("operator")
def list_tokens() -> dict[str, Any]:
    return {"data": [token_object(token) for token in tokens()]}


@needs("operator")
def create_token() -> tuple[dict[str, Any], int]:
    """Create a token. The answer has it; it can't be shown again."""
    body = _body({"user": _text, "name": _text, "role": _role, "days": _days}, ("user", "name"))
    text, token = add_token(body["user"], body["name"], body.get("role"), body.get("days"))
    return {**token_object(token), "token": text}, 201


@needs("operator")
def revoke_token(token_id: str) -> tuple[str, int]:
    changed_people()
    accounts().revoke_token(token_id)
    return "", 204


def _body(members: dict[str, Any], required: tuple[str, ...] = ()) -> dict[str, Any]:
    """Return the JSON object of the request. Raises InvalidArguments, which names each wrong member."""
    body = json_object(request)
    errors = [FieldError(f"/{name}", "This is missing.") for name in required if name not in body]
    for name, value in body.items():
        fault = members[name](value) if name in members else "There is no such member."
        errors += [FieldError(f"/{name}", fault)] if fault else []
    if errors:
        raise InvalidArguments(errors[:50])
    return body


def _text(value: Any) -> str:
    return "" if isinstance(value, str) else "Must be a text."


def _role(value: Any) -> str:
    return "" if isinstance(value, str) and value in ROLES else sentence("enum", [*ROLES])


def _bool(value: Any) -> str:
    return "" if isinstance(value, bool) else "Must be true or false."


def _days(value: Any) -> str:
    is_right = value is None or (type(value) in (int, float) and value % 1 == 0 and 1 <= value <= DAYS)
    return "" if is_right else f"Must be a whole number from 1 to {DAYS:,}, or null: it never expires."
