"""Accounts: users with passwords, and their API tokens. The command line and people.py write them, the web reads them.

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

from taskdesk.service import clock
from taskdesk.service.checks import MIN_PASSWORD_BYTES
from taskdesk.service.errors import AppError
from taskdesk.service.key_prefix import KEY_PREFIX

USERS_KEY = f"{KEY_PREFIX}:users"  # hash: name → the user as JSON
TOKENS_KEY = f"{KEY_PREFIX}:tokens"  # hash: SHA-256 of the token → the token as JSON

DISABLED_KEY = f"{KEY_PREFIX}:users:disabled"  # hash: the same of users who may not log in; they are not in USERS_KEY
LINKS_KEY = f"{KEY_PREFIX}:users:links"  # hash: name → digest and end of the link that sets the password, as JSON

MAX_PASSWORD_BYTES = 1_000
MAX_TOKENS = 100  # of one user
REPEAT_SECONDS = 60.0  # for how long a form that is sent again, as by a double click, shows the same token again
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


class TokenExists(AppError):
    """Token exists: another token of the user has this name."""

    status = 409


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
    """A user. `password` is the hash of the password; empty if none was set yet."""

    name: str
    role: str
    password: str = field(repr=False)
    created_at: datetime | None = None


@dataclass(frozen=True)
class Token:
    """An API token. `role` is its highest role; it never has more rights than its user. `expires`: Unix time."""

    id: str
    user: str
    name: str
    role: str
    created_at: datetime
    expires: float | None = None

    @property
    def expires_at(self) -> datetime | None:
        return datetime.fromtimestamp(self.expires, UTC) if self.expires else None

    @property
    def has_expired(self) -> bool:
        return self.expires is not None and self.expires <= clock.now()


class Accounts:
    """The accounts in Redis."""

    def __init__(self, redis: Redis):
        self._redis = redis

    def read(self) -> tuple[dict[str, User], dict[str, Token]]:
        """Return the users by name, and the tokens by `token_digest`."""
        with self._redis.pipeline(transaction=False) as pipeline:
            users, tokens = pipeline.hgetall(USERS_KEY).hgetall(TOKENS_KEY).execute()
        return (
            load_users(users),
            {digest.decode(): _token(digest.decode(), json.loads(stored)) for digest, stored in tokens.items()},
        )

    def put_user(self, name: str, password: str, role: str) -> None:
        """Add a user, or give an existing user a new password and role. Raises InvalidAccount."""
        check_name(name)
        user = User(name, role, hash_password(password), clock.utc_now())
        self._redis.hset(USERS_KEY, name, user_record(user))
        self._redis.hdel(DISABLED_KEY, name)
        self._redis.hdel(LINKS_KEY, name)

    def remove_user(self, name: str) -> None:
        """Remove a user and all tokens of the user. Raises UserNotFound."""
        users, tokens = self.read()
        if name not in users and not self._redis.hexists(DISABLED_KEY, name):
            raise UserNotFound(name)
        # Tokens go first: one that is left would belong to the next user of this name. It is no transaction, because a
        # full Redis refuses transactions.
        if digests := [digest for digest, token in tokens.items() if token.user == name]:
            self._redis.hdel(TOKENS_KEY, *digests)
        for key in (USERS_KEY, DISABLED_KEY, LINKS_KEY):
            self._redis.hdel(key, name)

    def disabled(self) -> dict[str, User]:
        """Return the users who may not log in, by name."""
        return load_users(self._redis.hgetall(DISABLED_KEY))

    def add_token(
        self, user: str, name: str, role: str | None = None, days: int | None = None, *, text: str = ""
    ) -> str:
        """Create a token and return it; only its hash is stored. `role` is its highest role, by default the user's.

        It expires after `days`. Expired tokens of the user are removed. With the `text` of a token that was created in
        the last REPEAT_SECONDS, return that one: its form was sent twice.

        Raises UserNotFound, InvalidAccount, TokenExists.
        """
        check_name(name)
        users, tokens = self.read()
        if user not in users:
            raise UserNotFound(user)
        check_role(role or users[user].role)
        text = text or f"td_{secrets.token_urlsafe(32)}"
        if _is_new(tokens.get(token_digest(text))):
            return text
        self._make_room(user, name, tokens)
        record: dict[str, Any] = {"user": user, "name": name, "role": role or users[user].role, "created": _now()}
        if days:
            record["expires"] = round(clock.now() + days * 24 * 3600)
        self._redis.hset(TOKENS_KEY, token_digest(text), json.dumps(record))
        return text

    def _make_room(self, user: str, name: str, tokens: dict[str, Token]) -> None:
        own = {digest: token for digest, token in tokens.items() if token.user == user}
        if expired := [digest for digest, token in own.items() if token.has_expired]:
            self._redis.hdel(TOKENS_KEY, *expired)
        left = [token.name for digest, token in own.items() if digest not in expired]
        if name in left:
            raise TokenExists(f"{user} has a token {name} already. Revoke it first, or take another name.")
        if len(left) >= MAX_TOKENS:
            raise InvalidAccount(f"{user} has {MAX_TOKENS} tokens. Revoke some first.")

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


def digests_of(redis: Redis, user: str) -> list[str]:
    """Return the digests of the tokens of a user."""
    return [digest for digest, token in Accounts(redis).read()[1].items() if token.user == user]


def hash_password(password: str) -> str:
    """Return the hash of a password, which takes 0.1 s. Raises InvalidAccount if the password is too short."""
    check_password(password)
    return generate_password_hash(password, "scrypt")


def check_password(password: str) -> None:
    """Raise InvalidAccount if the password is too short, or so long that it is no password."""
    if not MIN_PASSWORD_BYTES <= len(password.encode(errors="replace")) <= MAX_PASSWORD_BYTES:
        raise InvalidAccount(
            f"A password needs at least {MIN_PASSWORD_BYTES} bytes, and {MAX_PASSWORD_BYTES:,} at most."
        )


def check_name(name: str) -> None:
    """Raise InvalidAccount unless this can be the name of a user or token."""
    if not _NAME.fullmatch(name):
        raise InvalidAccount("A name has 1 to 64 letters (A to Z), digits, dots, hyphens, underscores and @.")


def check_role(role: str) -> None:
    """Raise InvalidAccount unless there is such a role."""
    if role not in ROLES:
        raise InvalidAccount(f"A role is one of {', '.join(ROLES)}.")


def load_users(stored: dict[bytes, bytes]) -> dict[str, User]:
    """Return the users of a hash, by name."""
    return {name.decode(): _user(name.decode(), json.loads(record)) for name, record in stored.items()}


def user_record(user: User) -> str:
    """Return the value of a user in Redis."""
    created = (user.created_at or clock.utc_now()).isoformat(timespec="seconds")
    return json.dumps({"password": user.password, "role": user.role, "created": created})


def _user(name: str, stored: dict[str, Any]) -> User:
    return User(name, stored["role"], stored["password"], datetime.fromisoformat(stored["created"]))


def _token(digest: str, stored: dict[str, Any]) -> Token:
    created = datetime.fromisoformat(stored["created"])
    return Token(digest[:12], stored["user"], stored["name"], stored["role"], created, stored.get("expires"))


def _is_new(token: Token | None) -> bool:
    return token is not None and clock.now() - token.created_at.timestamp() < REPEAT_SECONDS


def _now() -> str:
    return clock.utc_now().isoformat(timespec="seconds")
