"""Identify the user of a request, by a token or by the session of a browser."""

from __future__ import annotations

import hmac
import secrets
import time
from dataclasses import dataclass, replace
from typing import Any

from flask import current_app, g
from gevent.threadpool import ThreadPool
from redis.exceptions import RedisError
from werkzeug.security import check_password_hash, generate_password_hash

from taskdesk.service.accounts import ANYBODY, ROLES, Accounts, Identity, Token, User, hash_password, token_digest
from taskdesk.web.access.open_sessions import OpenSessions, has_ended
from taskdesk.web.settings import WebSettings

ADMIN = "admin"  # the user that the setting ADMIN_PASSWORD makes
FRESH_SECONDS = 5.0  # for how long users and tokens are not read again
_HASHING = 2  # passwords at the same time: each takes 32 MB and 0.1 s of CPU


@dataclass(frozen=True)
class _Snapshot:
    read_at: float
    users: dict[str, User]
    tokens: dict[str, Token]
    ended: dict[str, float]  # sessions


class Authenticator:
    """Identifies users without a round trip to Redis: users and tokens are at most FRESH_SECONDS old."""

    def __init__(self, accounts: Accounts, sessions: OpenSessions, settings: WebSettings):
        self.is_on = settings.auth
        self._accounts = accounts
        self._sessions = sessions
        self._key = settings.secret_key.get_secret_value().encode()
        self._admin_password = settings.admin_password.get_secret_value()
        self._snapshot: _Snapshot | None = None
        if self.is_on:
            self._threads = ThreadPool(_HASHING)
            self._some_hash = generate_password_hash(self._admin_password or secrets.token_hex())

    def by_header(self, environ: dict[str, Any]) -> Identity | None:
        """Return the user whose token the request has. If AUTH is off, return ANYBODY, who may do everything."""
        if not self.is_on:
            return ANYBODY
        scheme, _, text = environ.get("HTTP_AUTHORIZATION", "").partition(" ")
        if scheme.lower() != "bearer":
            return None
        digest = token_digest(text.strip())
        snapshot = self._read()
        if digest not in snapshot.tokens:
            snapshot = self._read(max_age=1)  # the token may be new
        token = snapshot.tokens.get(digest)
        user = snapshot.users.get(token.user) if token else None
        if not (token and user) or token.has_expired:
            return None
        return Identity(user.name, min(token.role, user.role, key=ROLES.index), token.name)

    def by_session(self, name: str, mark: str, session_id: str, since: float) -> Identity | None:
        """Return the user of a session; None if it was ended, or the password has changed, as `mark` says."""
        snapshot = self._read()
        user = snapshot.users.get(name)
        if user is None or not hmac.compare_digest(self.mark(user), mark):
            return None
        if has_ended(snapshot.ended, name, session_id, since):
            return None
        return Identity(user.name, user.role)

    def by_password(self, name: str, password: str) -> User | None:
        """Return the user if the password is right. An unknown name takes as long, so that nobody can tell."""
        user = self._read(max_age=0).users.get(name)
        stored = (user and user.password) or self._some_hash  # a new user has no password yet
        fits = self._threads.apply(check_password_hash, (stored, password))  # in a thread: other requests continue
        return user if user and user.password and fits else None

    def user(self, name: str) -> User | None:
        """Return the user as Redis or the settings have it now."""
        return self._read(max_age=0).users.get(name)

    def hash(self, password: str) -> str:
        """Return the hash of a new password. Raises InvalidAccount."""
        hashed: str = self._threads.apply(hash_password, (password,))
        return hashed

    def forget(self) -> None:
        """Read users and tokens again at the next request: they were changed here."""
        self._snapshot = None

    @property
    def admin(self) -> str:
        """Return the name of the operator that the settings make; empty if there is none."""
        return ADMIN if self._admin_password else ""

    def mark(self, user: User) -> str:
        """Return the mark of this user's sessions, valid until the password changes, which it does not reveal."""
        is_admin = self._admin_password and user.name == ADMIN
        secret = self._admin_password if is_admin else user.password
        return hmac.new(self._key, f"session\n{user.name}\n{secret}".encode(), "sha256").hexdigest()[:32]

    def _read(self, max_age: float = FRESH_SECONDS) -> _Snapshot:
        """Return users and tokens. While another caller reads them, or Redis is away, return what was read before."""
        snapshot, now = self._snapshot, time.monotonic()
        if snapshot and now - snapshot.read_at <= max_age:
            return snapshot
        if snapshot:
            self._snapshot = replace(snapshot, read_at=now)
        try:
            (users, tokens), ended = self._accounts.read(), self._sessions.ended()
        except RedisError:
            if not snapshot:
                raise
            return snapshot
        if self._admin_password:
            users[ADMIN] = User(ADMIN, "operator", self._some_hash)
        self._snapshot = _Snapshot(now, users, tokens, ended)
        return self._snapshot


def authenticator() -> Authenticator:
    """Return the authenticator of the application that handles this request."""
    found: Authenticator = current_app.extensions["authenticator"]
    return found


def current_user() -> Identity | None:
    """Return the user of this request; None before it is identified, or without a valid login."""
    exchange = g.get("exchange")
    return exchange.user if exchange else None


def present_user() -> Identity:
    """Return the user of this request, on a route that needs one."""
    user = current_user()
    assert user
    return user
