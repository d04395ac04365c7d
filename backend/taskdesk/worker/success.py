"""A job that has succeeded, as the worker's scripts take it: values that follow each other (lua/succeed.lua)."""

from __future__ import annotations

from base64 import b64decode, b64encode
from collections.abc import Sequence
from typing import Any, NamedTuple

from taskdesk.jobs.job_hash import stamp_text
from taskdesk.jobs.rq_time import text_of

SUCCESS_VALUES = 11
NULL = b"null"  # a result that needs no room

Values = tuple[Any, ...]


class Success(NamedTuple):
    """`content`, `kinds`, `preview`: as in `Written`; times in Unix time, `result_ttl` in seconds."""

    job_id: str
    execution: str
    queue: str
    content: bytes
    result_ttl: int
    kinds: str
    began: float
    ended: float
    preview: bytes

    @property
    def values(self) -> Values:
        ended = text_of(self.ended)
        result = b64encode(self.content) if self.content != NULL else b""
        stamp = stamp_text(self.content, ended) if self.preview else b""
        return (*self[:3], result, *self[4:8], ended, stamp, self.preview)

    @classmethod
    def all_of(cls, values: Sequence[bytes]) -> list[Success]:
        """Return the successes with these values."""
        starts = range(0, len(values), SUCCESS_VALUES)
        return [cls._of(values[start : start + SUCCESS_VALUES]) for start in starts]

    @classmethod
    def _of(cls, values: Sequence[bytes]) -> Success:
        job_id, execution, queue, result, result_ttl, kinds, began, ended, _, _, preview = values
        return cls(
            job_id=job_id.decode(),
            execution=execution.decode(),
            queue=queue.decode(),
            content=b64decode(result) or NULL,
            result_ttl=int(result_ttl),
            kinds=kinds.decode(),
            began=float(began),
            ended=float(ended),
            preview=preview,
        )
