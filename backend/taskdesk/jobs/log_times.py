"""When the lines of a log were printed: records in the hash of the job, at most one for each second.

A record says that what stands in the log from a position on was printed at a time. What stands before the first record
was printed in the first second of the job, so a short job has none. Of many records, the older ones become sparse.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from typing import NamedTuple

from redis import Redis
from redis.exceptions import ResponseError

from taskdesk.jobs.damage import is_wrong_type
from taskdesk.jobs.fields import LOG_TIMES
from taskdesk.jobs.joblog import HEAD_BYTES, TAIL_BYTES
from taskdesk.jobs.keys import job_key

MAX_TIMES = 500  # 9 kB


class LineTime(NamedTuple):
    """`offset`: a position in the log. `at`: Unix seconds."""

    offset: int
    at: int


def read_times(redis: Redis, job_id: str) -> list[LineTime]:
    """Return the records of a job, oldest first; none if somebody has damaged them."""
    try:
        text = redis.hget(job_key(job_id), LOG_TIMES) or b""
    except ResponseError as error:
        is_wrong_type(error)  # else it is raised again
        return []
    with suppress(ValueError, TypeError):
        return [LineTime(*map(int, record.split(b":"))) for record in text.split()]
    return []


def add_time(times: Sequence[LineTime], time: LineTime) -> list[LineTime]:
    """Return the records with one more. Those of bytes that the log has left out are gone."""
    kept = [one for one in times if not HEAD_BYTES < one.offset < time.offset - TAIL_BYTES]
    if len(kept) >= MAX_TIMES:
        half = len(kept) // 2
        kept = kept[:half:2] + kept[half:]
    return [*kept, time]


def times_text(times: Sequence[LineTime]) -> str:
    return " ".join(f"{time.offset}:{time.at}" for time in times)
