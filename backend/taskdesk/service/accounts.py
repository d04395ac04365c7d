"""Accounts: who may use the desk, by a password or by API tokens. The command line writes them, the web reads them.

A password is kept as its scrypt hash; a token as its SHA-256, because nobody can guess 256 random bits.
"""

from __future__ import annotations

import hashlib
import json
import re
import secrets
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from redis import Redis
from werkzeug.security import generate_password_hash

from taskdesk.service.checks import MIN_PASSWORD_BYTES
from taskdesk.service.errors import AppError

USERS = "taskdesk:users"  # hash: JSON of a user by name
TOKENS = "taskdesk:tokens"  # hash: JSON of an API token by the SHA-256 of its text

ROLES = ("viewer", "user", "operator")  # each may what those before it may
_NAME = re.compile(r"[0-9A-Za-z._@-]{1,64}")


class InvalidAccount(AppError):
    """Invalid account: a name, a password or a role is not as it has to be."""

    status = 422


class UserNotFound(AppError):
    """Unknown user: there is none of this name."""

    status = 404

    def __init__(self, name: str):
        super().__init__(f"There is no user {name!r}.")


class TokenNotFound(AppError):
    """Unknown token: there is none of this id."""

    status = 404

    def __init__(self, token_id: str):
        super().__init__(f"There is no token {token_id!r}.")


@dataclass(frozen=True)
class Identity:
    """Who asks, and by which token, if by one. The name is empty where nobody has to log in."""

    name: str
    role: str
    token: str = ""

    def has_role(self, role: str) -> bool:
        """Whether this is someone of that role, or of one that may more."""
        return ROLES.index(self.role) >= ROLES.index(role)

    def may_change(self, owner: str) -> bool:
        """Whether a job of `owner` may be changed, where its kind of change may be made at all."""
        return self.role == "operator" or owner == self.name


ANYBODY = Identity("", "operator")


@dataclass(frozen=True)
class User:
    """`password` is its hash."""

    name: str
    role: str
    password: str = field(repr=False)
    created_at: datetime | None = None


@dataclass(frozen=True)
class Token:
    """`role`: the most that it may; never more than its user."""

    id: str
    user: str
    name: str
    role: str
    created_at: datetime


class Accounts:
    def __init__(self, redis: Redis):
        self._redis = redis

    def read(self) -> tuple[dict[str, User], dict[str, Token]]:
        """The users by name, and the tokens by `token_digest`."""
        with self._redis.pipeline(transaction=False) as pipeline:
            users, tokens = pipeline.hgetall(USERS).hgetall(TOKENS).execute()
        return (
            {name.decode(): _user(name.decode(), json.loads(stored)) for name, stored in users.items()},
            {digest.decode(): _token(digest.decode(), json.loads(stored)) for digest, stored in tokens.items()},
        )

    def put_user(self, name: str, password: str, role: str) -> None:
        """Add a user, or give one another password and role. Raises InvalidAccount."""
        _check_name(name)
        _check_password(password)
        record = {"password": generate_password_hash(password, "scrypt"), "role": role, "created": _now()}
        self._redis.hset(USERS, name, json.dumps(record))

    def remove_user(self, name: str) -> None:
        """With all tokens of the user. Raises UserNotFound."""
        users, tokens = self.read()
        if name not in users:
            raise UserNotFound(name)
        # The tokens first: what is left of them would be of the next user of this name. A full Redis takes no
        # transaction.
        if digests := [digest for digest, token in tokens.items() if token.user == name]:
            self._redis.hdel(TOKENS, *digests)
        self._redis.hdel(USERS, name)

    def add_token(self, user: str, name: str, role: str | None = None) -> str:
        """The token, which is kept nowhere; of the user's role, or of one that may less.

        Raises UserNotFound, InvalidAccount.
        """
        _check_name(name)
        users, _ = self.read()
        if user not in users:
            raise UserNotFound(user)
        text = f"td_{secrets.token_urlsafe(32)}"
        record = {"user": user, "name": name, "role": role or users[user].role, "created": _now()}
        self._redis.hset(TOKENS, token_digest(text), json.dumps(record))
        return text

    def revoke_token(self, token_id: str) -> None:
        """Raises TokenNotFound."""
        _, tokens = self.read()
        digests = [digest for digest, token in tokens.items() if token.id == token_id]
        if not digests:
            raise TokenNotFound(token_id)
        self._redis.hdel(TOKENS, *digests)


def token_digest(token: str) -> str:
    return hashlib.sha256(token.encode("utf-8", "replace")).hexdigest()


def token_id(token: str) -> str:
    """What names a token without telling it."""
    return token_digest(token)[:12]


def _check_password(password: str) -> None:
    if len(password.encode()) < MIN_PASSWORD_BYTES:
        raise InvalidAccount(f"A password has at least {MIN_PASSWORD_BYTES} bytes.")


def _check_name(name: str) -> None:
    if not _NAME.fullmatch(name):
        raise InvalidAccount("A name has 1 to 64 letters (A to Z), digits, dots, hyphens, underscores and @.")


def _user(name: str, stored: dict[str, Any]) -> User:
    return User(name, stored["role"], stored["password"], datetime.fromisoformat(stored["created"]))


def _token(digest: str, stored: dict[str, Any]) -> Token:
    created = datetime.fromisoformat(stored["created"])
    return Token(digest[:12], stored["user"], stored["name"], stored["role"], created)


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
