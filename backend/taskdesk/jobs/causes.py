"""The causes of failures in Redis: list, mute, resolve and open them again. cause.py says what a cause is.

A read costs as many commands as there are causes, MAX_CAUSES at most, however many jobs have failed.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple

from redis import Redis

from taskdesk.jobs.cause import Cause, State, cause_of, read_state
from taskdesk.jobs.damage import is_wrong_type
from taskdesk.jobs.errors import CauseNotFound, FieldError, InvalidArguments
from taskdesk.jobs.keys import CAUSES, cause_jobs_key, cause_key
from taskdesk.jobs.scripts import CHANGE_CAUSE
from taskdesk.service import clock

_ID = re.compile("[0-9a-f]{12}")
_CURSOR = re.compile(r"[0-9]{10}\.[0-9]{3} [0-9a-f]{12}")


class Summary(NamedTuple):
    """What a list is chosen and counted by. `place`: the last time and the id, by which lists are sorted."""

    place: str
    id: str
    state: State
    task: str
    open_jobs: int


class Causes:
    def __init__(self, redis: Redis):
        self._redis = redis

    def read(self, since: float = 0) -> list[Cause]:
        """Return the causes that were seen at `since` (Unix time) or later, the last seen first."""
        ids = self._redis.zrevrangebyscore(CAUSES, "+inf", since)
        return [cause for cause in self._load([one.decode(errors="replace") for one in ids]) if cause]

    def summaries(self) -> list[Summary]:
        """Return all causes, the last seen first. It costs a tenth of what it costs to read them."""
        entries = self._redis.zrevrange(CAUSES, 0, -1, withscores=True)
        ids = [one.decode(errors="replace") for one, _ in entries]
        with self._redis.pipeline(transaction=False) as pipeline:
            for cause_id in ids:
                pipeline.hmget(cause_key(cause_id), "state", "task")
                pipeline.zcard(cause_jobs_key(cause_id))
            answers = pipeline.execute(raise_on_error=False)
        values = [(None, None) if is_wrong_type(answer) else answer for answer in answers[::2]]
        sizes = [0 if is_wrong_type(answer) else answer for answer in answers[1::2]]
        rows = zip(ids, (last for _, last in entries), values, sizes, strict=True)
        return [
            Summary(
                f"{last:.3f} {cause_id}",
                cause_id,
                read_state(values[0]),
                (values[1] or b"").decode(errors="replace"),
                size,
            )
            for cause_id, last, values, size in rows
            if not (is_wrong_type(values) or is_wrong_type(size))
        ]

    def page(
        self,
        limit: int,
        cursor: str | None = None,
        *,
        state: State | None = None,
        task: str | None = None,
        summaries: Sequence[Summary] = (),
    ) -> tuple[list[Cause], str | None]:
        """Return the causes that match, the last seen first, and the cursor of the next page.

        `summaries`: those of now, if they were read already. A cause that is seen again meanwhile moves to the first
        page. Raises InvalidArguments for an invalid cursor.
        """
        if cursor is not None and not _CURSOR.fullmatch(cursor):
            raise InvalidArguments([FieldError("/cursor", "This is not a cursor: use the next_cursor of a page.")])
        matching = [
            one
            for one in summaries or self.summaries()
            if state in (None, one.state) and task in (None, one.task) and (not cursor or one.place < cursor)
        ]
        shown = matching[:limit]
        following = shown[-1].place if len(matching) > limit else None
        return [cause for cause in self._load([one.id for one in shown]) if cause], following

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


def counts(summaries: Sequence[Summary]) -> dict[State, tuple[int, int]]:
    """Return how many causes have each state, and how many failed jobs of these nobody has retried."""
    by_state = {state: [one.open_jobs for one in summaries if one.state is state] for state in State}
    return {state: (len(sizes), sum(sizes)) for state, sizes in by_state.items()}
