"""`Prefer: wait=N`: answer when the job has ended, or after N seconds. A waiting request is a sleeping greenlet."""

from __future__ import annotations

import time

from flask import Request
from redis.exceptions import RedisError
from werkzeug.http import parse_dict_header

from taskdesk.jobs.errors import FieldError, InvalidArguments
from taskdesk.jobs.job import Job
from taskdesk.web.context import desk

MAX_WAIT_SECONDS = 60
_RETRY_SECONDS = 1.0  # until the next read if Redis did not answer
_POLL_SECONDS = 5.0  # between two reads without a notification: one may have been lost


def preferred_wait(request: Request) -> int:
    """Return the seconds that `Prefer: wait` asks for: 0 without it, at most MAX_WAIT_SECONDS.

    Raises InvalidArguments.
    """
    preferences = parse_dict_header(request.headers.get("Prefer", "").lower())
    text = preferences.get("wait", "0") or ""
    if not (text.isascii() and text.isdecimal()):
        raise InvalidArguments([FieldError("/Prefer", "wait has to be a whole number of seconds: Prefer: wait=10")])
    return min(int(text[:9]), MAX_WAIT_SECONDS)


def wait_for_end(job_id: str, seconds: int) -> Job:
    """Return the job when it has ended, else as it is after these seconds or when the process stops.

    Raises JobNotFound, JobExpired, RedisError.
    """
    until = time.monotonic() + seconds
    news = desk().notifier.add(job_id)
    try:
        while (left := until - time.monotonic()) > 0 and not desk().is_stopping:
            news.clear()
            try:
                if desk().jobs.has_ended(job_id):
                    break
                news.wait(min(left, _POLL_SECONDS))
            except RedisError:  # Redis may be back before the time is over
                time.sleep(min(left, _RETRY_SECONDS))
    finally:
        desk().notifier.remove(job_id, news)
    return desk().jobs.get(job_id)
