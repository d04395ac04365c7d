"""Who asks: by the token of a request, or by the session of a browser."""

from __future__ import annotations

import hmac
import secrets
import time
from dataclasses import dataclass
from typing import Any

from flask import current_app, g
from gevent.threadpool import ThreadPool
from redis.exceptions import RedisError
from werkzeug.security import check_password_hash, generate_password_hash

from taskdesk.service.accounts import ANYBODY, ROLES, Accounts, Identity, Token, User, token_digest
from taskdesk.web.settings import WebSettings

ADMIN = "admin"  # who exists by the setting ADMIN_PASSWORD alone
FRESH_SECONDS = 5.0  # for which users and tokens that were read count as current
_HASHING = 2  # passwords at a time: each takes 32 MB and a tenth of a second of a processor


@dataclass(frozen=True)
class _Snapshot:
    read_at: float
    users: dict[str, User]
    tokens: dict[str, Token]


class Authenticator:
    """Users and tokens as they were at most FRESH_SECONDS ago: to know who asks costs no round trip to Redis."""

    def __init__(self, accounts: Accounts, settings: WebSettings):
        self.is_on = settings.auth
        self._accounts = accounts
        self._key = settings.secret_key.get_secret_value().encode()
        self._admin_password = settings.admin_password.get_secret_value()
        self._snapshot: _Snapshot | None = None
        if self.is_on:
            self._threads = ThreadPool(_HASHING)
            self._some_hash = generate_password_hash(self._admin_password or secrets.token_hex())

    def by_header(self, environ: dict[str, Any]) -> Identity | None:
        """Whose token the request has. Without a login it is anybody, who may all."""
        if not self.is_on:
            return ANYBODY
        scheme, _, text = environ.get("HTTP_AUTHORIZATION", "").partition(" ")
        if scheme.lower() != "bearer":
            return None
        digest = token_digest(text.strip())
        snapshot = self._read()
        if digest not in snapshot.tokens:
            snapshot = self._read(max_age=1)  # it may be new
        token = snapshot.tokens.get(digest)
        user = snapshot.users.get(token.user) if token else None
        if not (token and user):
            return None
        return Identity(user.name, min(token.role, user.role, key=ROLES.index), token.name)

    def by_session(self, name: str, mark: str) -> Identity | None:
        """Who logged in as `name`, if that is still so: `mark` is that of then."""
        user = self._read().users.get(name)
        if user is None or not hmac.compare_digest(self.mark(user), mark):
            return None
        return Identity(user.name, user.role)

    def by_password(self, name: str, password: str) -> User | None:
        """It takes as long for a name that nobody has."""
        user = self._read(max_age=0).users.get(name)
        stored = user.password if user else self._some_hash
        fits = self._threads.apply(check_password_hash, (stored, password))  # other requests go on meanwhile
        return user if fits else None

    def mark(self, user: User) -> str:
        """What a session of this user has, until the password is changed. It tells nothing of the password."""
        is_admin = self._admin_password and user.name == ADMIN
        secret = self._admin_password if is_admin else user.password
        return hmac.new(self._key, f"session\n{user.name}\n{secret}".encode(), "sha256").hexdigest()[:32]

    def _read(self, max_age: float = FRESH_SECONDS) -> _Snapshot:
        """While one caller reads, or Redis is away, the others have what was read before."""
        snapshot, now = self._snapshot, time.monotonic()
        if snapshot and now - snapshot.read_at <= max_age:
            return snapshot
        if snapshot:
            self._snapshot = _Snapshot(now, snapshot.users, snapshot.tokens)
        try:
            users, tokens = self._accounts.read()
        except RedisError:
            if not snapshot:
                raise
            return snapshot
        if self._admin_password:
            users[ADMIN] = User(ADMIN, "operator", self._some_hash)
        self._snapshot = _Snapshot(now, users, tokens)
        return self._snapshot


def authenticator() -> Authenticator:
    """That of the application that handles this request."""
    found: Authenticator = current_app.extensions["authenticator"]
    return found


def current_user() -> Identity | None:
    """Who sent this request; None before it is identified, or without a valid login."""
    exchange = g.get("exchange")
    return exchange.user if exchange else None
