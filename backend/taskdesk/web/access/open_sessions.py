"""Sessions that a user can look at and end. A cookie alone makes a session; Redis has only what it takes to end one.

A hash for each user names the sessions that began in the last 12 hours, MAX_LISTED at most. A sorted set, which each
web process reads with the users, has the ended ones and, for each user, when all sessions were ended.
"""

from __future__ import annotations

import json
import logging
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from redis import Redis
from redis.exceptions import RedisError

from taskdesk.service import clock
from taskdesk.service.errors import AppError
from taskdesk.service.key_prefix import KEY_PREFIX

ENDED_KEY = f"{KEY_PREFIX}:ended-sessions"  # sorted set: "id <session>" or "user <name>" by when it ended (Unix)
SESSION_SECONDS = 12 * 3600
MAX_LISTED = 50
MAX_AGENT = 200  # characters

log = logging.getLogger("sessions")


class SessionNotFound(AppError):
    """Unknown session: it has ended, or belongs to another user."""

    status = 404

    def __init__(self) -> None:
        super().__init__("You have no such session: it has ended already.")


@dataclass(frozen=True)
class OpenSession:
    """`client`: the address, and `agent` the browser, with which it began."""

    id: str
    began_at: datetime
    client: str
    agent: str


def has_ended(ended: Mapping[str, float], user: str, session_id: str, since: float) -> bool:
    """Return True if the session was ended, alone or with all of its user. `ended`: as `OpenSessions.ended` has it."""
    return f"id {session_id}" in ended or since < ended.get(f"user {user}", 0)


class OpenSessions:
    def __init__(self, redis: Redis):
        self._redis = redis

    def begin(self, user: str, mark: str, client: str, agent: str) -> tuple[str, float]:
        """List a new session. Return its id, and when it began (Unix). While Redis takes nothing, it is not listed."""
        session_id, since = secrets.token_hex(8), round(clock.now(), 3)
        record = {"since": since, "mark": mark[:8], "client": client, "agent": agent[:MAX_AGENT]}
        try:
            self._redis.hset(_key(user), session_id, json.dumps(record))
            self._redis.expire(_key(user), SESSION_SECONDS)
            if gone := self._too_many(user):
                self._redis.hdel(_key(user), *gone)
        except RedisError as error:
            log.warning("Redis did not take the session of %s, so it can't be listed: %s", user, error)
        return session_id, since

    def of(self, user: str, mark: str) -> list[OpenSession]:
        """Return the open sessions of a user, the newest first. `mark`: that of the user's sessions now."""
        found = [
            OpenSession(session_id, datetime.fromtimestamp(record["since"], UTC), record["client"], record["agent"])
            for session_id, record in self._records(user).items()
            if record["mark"] == mark[:8] and record["since"] > clock.now() - SESSION_SECONDS
        ]
        return sorted(found, key=lambda one: one.began_at, reverse=True)

    def end(self, user: str, session_id: str) -> None:
        """Raises SessionNotFound."""
        if not self._redis.hexists(_key(user), session_id):
            raise SessionNotFound()
        self._note_end(f"id {session_id}")
        self._redis.hdel(_key(user), session_id)

    def end_all(self, user: str) -> None:
        """End all sessions of a user that have begun before, listed or not."""
        self._note_end(f"user {user}")
        self._redis.delete(_key(user))

    def ended(self) -> dict[str, float]:
        """Return the ends of sessions that may otherwise still be valid."""
        found = self._redis.zrange(ENDED_KEY, 0, -1, withscores=True)
        return {member.decode(): ended_at for member, ended_at in found}

    def _note_end(self, member: str) -> None:
        now = round(clock.now(), 3)
        self._redis.zremrangebyscore(ENDED_KEY, "-inf", now - SESSION_SECONDS)
        self._redis.zadd(ENDED_KEY, {member: now})

    def _too_many(self, user: str) -> list[str]:
        records = self._records(user)
        newest = sorted(records, key=lambda session_id: records[session_id]["since"], reverse=True)
        old = [one for one in newest if records[one]["since"] <= clock.now() - SESSION_SECONDS]
        return [*newest[MAX_LISTED:], *old]

    def _records(self, user: str) -> dict[str, dict[str, Any]]:
        return {name.decode(): json.loads(stored) for name, stored in self._redis.hgetall(_key(user)).items()}


def _key(user: str) -> str:
    """Hash: id of a session → when it began, and where, as JSON."""
    return f"{KEY_PREFIX}:sessions:{user}"
