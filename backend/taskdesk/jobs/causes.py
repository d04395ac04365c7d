"""The causes of failures in Redis: list, mute, resolve and open them again. cause.py says what a cause is.

A read costs as many commands as there are causes, MAX_CAUSES at most, however many jobs have failed.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from redis import Redis

from taskdesk.jobs.cause import Cause, State, cause_of, read_state
from taskdesk.jobs.damage import is_wrong_type
from taskdesk.jobs.errors import CauseNotFound, FieldError, InvalidArguments
from taskdesk.jobs.keys import CAUSES, cause_jobs_key, cause_key
from taskdesk.jobs.scripts import CHANGE_CAUSE
from taskdesk.service import clock

_ID = re.compile("[0-9a-f]{12}")
_CURSOR = re.compile(r"[0-9]{10}\.[0-9]{3} [0-9a-f]{12}")


class Causes:
    def __init__(self, redis: Redis):
        self._redis = redis

    def read(self, since: float = 0) -> list[Cause]:
        """Return the causes that were seen at `since` (Unix time) or later, the last seen first."""
        ids = self._redis.zrevrangebyscore(CAUSES, "+inf", since)
        return [cause for cause in self._load([one.decode(errors="replace") for one in ids]) if cause]

    def page(
        self, limit: int, cursor: str | None = None, *, state: State | None = None, task: str | None = None
    ) -> tuple[list[Cause], str | None]:
        """Return the causes that match, the last seen first, and the cursor of the next page.

        A cause that is seen again meanwhile moves to the first page. Raises InvalidArguments for an invalid cursor.
        """
        if cursor is not None and not _CURSOR.fullmatch(cursor):
            raise InvalidArguments([FieldError("/cursor", "This is not a cursor: use the next_cursor of a page.")])
        matching = [
            cause
            for cause in self.read()
            if state in (None, cause.state) and task in (None, cause.task) and (not cursor or _place(cause) < cursor)
        ]
        return matching[:limit], _place(matching[limit - 1]) if len(matching) > limit else None

    def counts(self) -> dict[State, tuple[int, int]]:
        """Return how many causes have each state, and how many failed jobs of these nobody has retried."""
        ids = [one.decode(errors="replace") for one in self._redis.zrange(CAUSES, 0, -1)]
        with self._redis.pipeline(transaction=False) as pipeline:
            for cause_id in ids:
                pipeline.hget(cause_key(cause_id), "state")
                pipeline.zcard(cause_jobs_key(cause_id))
            answers = pipeline.execute(raise_on_error=False)
        counts = dict.fromkeys(State, (0, 0))
        for stored, size in zip(answers[::2], answers[1::2], strict=True):
            if not (is_wrong_type(stored) or is_wrong_type(size)):
                state = read_state(stored)
                causes, jobs = counts[state]
                counts[state] = causes + 1, jobs + size
        return counts

    def get(self, cause_id: str) -> Cause:
        """Raises CauseNotFound."""
        [cause] = self._load([cause_id]) if _ID.fullmatch(cause_id) else [None]
        if cause is None:
            raise CauseNotFound(cause_id)
        return cause

    def change(self, cause_id: str, state: State, user: str = "") -> Cause:
        """Give a cause another state, and return it. `user`: who did it. Raises CauseNotFound."""
        known = _ID.fullmatch(cause_id) and CHANGE_CAUSE(self._redis, cause_id, state, user, clock.now())
        if not known:
            raise CauseNotFound(cause_id)
        return self.get(cause_id)

    def _load(self, ids: Sequence[str]) -> list[Cause | None]:
        with self._redis.pipeline(transaction=False) as pipeline:
            for cause_id in ids:
                pipeline.hgetall(cause_key(cause_id))
                pipeline.zcard(cause_jobs_key(cause_id))
            answers = pipeline.execute(raise_on_error=False)
        now = clock.now()
        rows = zip(ids, answers[::2], answers[1::2], strict=True)
        return [
            cause_of(cause_id, {} if is_wrong_type(stored) else stored, 0 if is_wrong_type(size) else size, now)
            for cause_id, stored, size in rows
        ]


def _place(cause: Cause) -> str:
    """Return the place of a cause in the list, as Redis sorts it: its time, then its id."""
    return f"{cause.last_at.timestamp():.3f} {cause.id}"
