"""`Prefer: wait=N`: the answer comes when the job has ended, or after N seconds. Who waits is a sleeping greenlet."""

from __future__ import annotations

import time

from flask import Request
from redis.exceptions import RedisError
from werkzeug.http import parse_dict_header

from taskdesk.jobs.errors import FieldError, InvalidArguments
from taskdesk.jobs.job import Job
from taskdesk.web.context import desk

LONGEST = 60  # seconds
_PAUSE = 1.0  # seconds until the next look, when Redis did not answer
_LOOK = 5.0  # seconds after which a waiter looks by itself: a message may have been lost


def preferred_wait(request: Request) -> int:
    """The seconds that the client wants to wait, at most LONGEST; 0 if it does not. Raises InvalidArguments."""
    preferences = parse_dict_header(request.headers.get("Prefer", "").lower())
    text = preferences.get("wait", "0") or ""
    if not (text.isascii() and text.isdecimal()):
        raise InvalidArguments([FieldError("/Prefer", "wait has to be a whole number of seconds: Prefer: wait=10")])
    return min(int(text[:9]), LONGEST)


def wait_for_end(job_id: str, seconds: int) -> Job:
    """The job when it has ended, or as it is after these seconds, or at a stop.

    Raises JobNotFound, JobExpired, RedisError.
    """
    until = time.monotonic() + seconds
    news = desk().wakeups.add(job_id)
    try:
        while (left := until - time.monotonic()) > 0 and not desk().is_stopping:
            news.clear()
            try:
                if desk().jobs.has_ended(job_id):
                    break
                news.wait(min(left, _LOOK))
            except RedisError:  # it may be back before the time is over
                time.sleep(min(left, _PAUSE))
    finally:
        desk().wakeups.remove(job_id, news)
    return desk().jobs.get(job_id)
