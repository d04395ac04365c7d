"""Results as JSON text with links to their files, for one client or in a list. Large ones are sent without parsing."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from typing import Any

from flask import json, request

from taskdesk.jobs.errors import UnreadableResult
from taskdesk.jobs.job import Job
from taskdesk.web.context import desk
from taskdesk.web.links import artifact_urls, job_links

MAX_LISTED_BYTES = 10_000_000  # of the results of a list together
_BYTES_PER_TURN = 20_000  # of a result; after a longer one other requests get a turn
_TURN_SECONDS = 1e-6  # with 0 gevent would go on without a look at its sockets


def result_json(job: Job) -> bytes:
    """Return the result. Raises NoResult, ResultGone, UnreadableResult."""
    return _linked(job, desk().jobs.results.text(job))


def results_of(jobs: Sequence[Job]) -> Iterator[tuple[Job, bytes]]:
    """Yield the jobs whose results have not expired, each with its result.

    The results beyond MAX_LISTED_BYTES together stand as links.
    """
    left, start, count = MAX_LISTED_BYTES, 0, 1
    while start < len(jobs):
        for job, text in _texts(jobs[start : start + count], left):
            left = left - len(text) if text and len(text) <= left else 0
            yield job, text if left else json.dumps(job_links(job, request.script_root)["result"]).encode()
        start, count = start + count, 2 * count  # few at first: each may have megabytes


def with_member(shown: dict[str, Any], name: str, text: bytes) -> bytes:
    """Return the JSON text of an object that is not empty, with one more member, whose JSON text this is."""
    return b'%s, "%s": %s}' % (json.dumps(shown).encode()[:-1], name.encode(), text)


def _texts(jobs: Sequence[Job], most: int) -> Iterator[tuple[Job, bytes]]:
    """Yield the jobs whose results can be read, each with its result: empty if it has more than `most` bytes."""
    ids = [job.id for job in jobs if (job.result_stamp.size if job.result_stamp else 0) < most]
    texts = dict(zip(ids, desk().jobs.results.texts(ids), strict=True))
    for job in jobs:
        text = texts.get(job.id, b"")
        if text is None:  # it expired between the two reads
            continue
        try:
            yield job, _linked(job, text) if job.id in texts else b""
        except UnreadableResult:
            continue
        if len(text) > _BYTES_PER_TURN:
            time.sleep(_TURN_SECONDS)


def _linked(job: Job, text: bytes) -> bytes:
    return desk().jobs.results.linked(job, text, artifact_urls(job, request.script_root))
