"""Accounts: users with passwords, and their API tokens. The command line writes them, the web reads them.

A password is stored as its scrypt hash, a token as its SHA-256: nobody can guess the 256 random bits of a token.
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
from taskdesk.service.key_prefix import KEY_PREFIX

USERS_KEY = f"{KEY_PREFIX}:users"  # hash: name → the user as JSON
TOKENS_KEY = f"{KEY_PREFIX}:tokens"  # hash: SHA-256 of the token → the token as JSON

ROLES = ("viewer", "user", "operator")  # each includes the ones before it
_NAME = re.compile(r"[0-9A-Za-z._@-]{1,64}")


class InvalidAccount(AppError):
    """Invalid account: the name or the password breaks a rule."""

    status = 422


class UserNotFound(AppError):
    """Unknown user: no user has this name."""

    status = 404

    def __init__(self, name: str):
        super().__init__(f"There is no user {name!r}.")


class TokenNotFound(AppError):
    """Unknown token: no token has this id."""

    status = 404

    def __init__(self, token_id: str):
        super().__init__(f"There is no token {token_id!r}.")


@dataclass(frozen=True)
class Identity:
    """The user of a request, and the name of the token, if it has one. `name` is empty where there is no login."""

    name: str
    role: str
    token: str = ""

    def has_role(self, role: str) -> bool:
        """Return True if the user has this role or a higher one."""
        return ROLES.index(self.role) >= ROLES.index(role)

    def may_change(self, owner: str) -> bool:
        """Return True if the user may change a job of `owner`: operators may change all jobs, others only their own."""
        return self.role == "operator" or owner == self.name


ANYBODY = Identity("", "operator")


@dataclass(frozen=True)
class User:
    """A user. `password` is the hash of the password."""

    name: str
    role: str
    password: str = field(repr=False)
    created_at: datetime | None = None


@dataclass(frozen=True)
class Token:
    """An API token. `role` is its highest role; it never has more rights than its user."""

    id: str
    user: str
    name: str
    role: str
    created_at: datetime


class Accounts:
    """The accounts in Redis."""

    def __init__(self, redis: Redis):
        self._redis = redis

    def read(self) -> tuple[dict[str, User], dict[str, Token]]:
        """Return the users by name, and the tokens by `token_digest`."""
        with self._redis.pipeline(transaction=False) as pipeline:
            users, tokens = pipeline.hgetall(USERS_KEY).hgetall(TOKENS_KEY).execute()
        return (
            {name.decode(): _user(name.decode(), json.loads(stored)) for name, stored in users.items()},
            {digest.decode(): _token(digest.decode(), json.loads(stored)) for digest, stored in tokens.items()},
        )

    def put_user(self, name: str, password: str, role: str) -> None:
        """Add a user, or give an existing user a new password and role. Raises InvalidAccount."""
        _check_name(name)
        _check_password(password)
        record = {"password": generate_password_hash(password, "scrypt"), "role": role, "created": _now()}
        self._redis.hset(USERS_KEY, name, json.dumps(record))

    def remove_user(self, name: str) -> None:
        """Remove a user and all tokens of the user. Raises UserNotFound."""
        users, tokens = self.read()
        if name not in users:
            raise UserNotFound(name)
        # Tokens go first: one that is left would belong to the next user of this name. It is no transaction, because a
        # full Redis refuses transactions.
        if digests := [digest for digest, token in tokens.items() if token.user == name]:
            self._redis.hdel(TOKENS_KEY, *digests)
        self._redis.hdel(USERS_KEY, name)

    def add_token(self, user: str, name: str, role: str | None = None) -> str:
        """Create a token and return it; only its hash is stored. `role` is its highest role, by default the user's.

        Raises UserNotFound, InvalidAccount.
        """
        _check_name(name)
        users, _ = self.read()
        if user not in users:
            raise UserNotFound(user)
        text = f"td_{secrets.token_urlsafe(32)}"
        record = {"user": user, "name": name, "role": role or users[user].role, "created": _now()}
        self._redis.hset(TOKENS_KEY, token_digest(text), json.dumps(record))
        return text

    def revoke_token(self, token_id: str) -> None:
        """Revoke a token. Raises TokenNotFound."""
        _, tokens = self.read()
        digests = [digest for digest, token in tokens.items() if token.id == token_id]
        if not digests:
            raise TokenNotFound(token_id)
        self._redis.hdel(TOKENS_KEY, *digests)


def token_digest(token: str) -> str:
    return hashlib.sha256(token.encode("utf-8", "replace")).hexdigest()


def token_id(token: str) -> str:
    """Return the id of a token, from which nobody can guess the token."""
    return token_digest(token)[:12]


def _check_password(password: str) -> None:
    if len(password.encode()) < MIN_PASSWORD_BYTES:
        raise InvalidAccount(f"A password needs at least {MIN_PASSWORD_BYTES} bytes.")


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
