"""Results in Redis: their JSON text, as RQ's stream has it, and the previews of large ones.

Whoever only sends a result on takes its text: to parse 5 MB takes tens of milliseconds, in which the web does nothing
else. A large result of ours has a stamp (job_hash.py), by which its text is known to be whole without parsing it.
"""

from __future__ import annotations

import base64
import json
import math
import re
import zlib
from collections.abc import Callable, Iterable
from contextlib import suppress
from typing import Any, TypeVar

from redis import Redis

from taskdesk.jobs.artifacts import Artifact
from taskdesk.jobs.damage import DAMAGE, is_wrong_type
from taskdesk.jobs.errors import NoResult, ResultGone, UnreadableResult
from taskdesk.jobs.fields import RESULT_PREVIEW
from taskdesk.jobs.job import Job
from taskdesk.jobs.keys import job_key, results_key
from taskdesk.jobs.parts import UrlOf, linked_result, may_have_files, result_parts
from taskdesk.jobs.previews import LARGE_BYTES, Preview, from_json, preview_of
from taskdesk.jobs.results import MAX_DIGITS
from taskdesk.jobs.status import Status
from taskdesk.jobs.unpacking import unpack

_DAMAGED = {b"return_value": b"-", b"exc_string": b"-"}  # stands for an answer that is no stream

_MAY_BE_INFINITE = re.compile(rb"\d[eE]\+?\d{3}")  # a number such as 1e999

_Answer = TypeVar("_Answer")


class StoredResults:
    """`apart` calls a function for what takes long: the web puts a thread there, so that its event loop goes on."""

    def __init__(self, redis: Redis, apart: Callable[..., Any] | None = None):
        self._redis = redis
        self.apart = apart or _at_once

    def text(self, job: Job) -> bytes:
        """Return the JSON text of the result. Raises NoResult unless the job has succeeded, ResultGone."""
        if job.status is not Status.SUCCEEDED:
            raise NoResult(job.id, job.status)
        [text] = self.texts([job.id])
        if text is None:
            raise ResultGone(job.id)
        return text

    def texts(self, job_ids: Iterable[str]) -> list[bytes | None]:
        """Return the JSON text of each result, None for one that is gone. Nobody has checked yet that it is JSON."""
        return [None if payload is None else _text(payload) for payload in self._latest(job_ids)]

    def preview(self, job: Job) -> Preview:
        """Return the preview of the result: the stored one, else one that is made now.

        Raises NoResult, ResultGone, UnreadableResult.
        """
        return self._stored_preview(job) or self.read(job, self.text(job), _preview_of)

    def _stored_preview(self, job: Job) -> Preview | None:
        stored = self._redis.hget(job_key(job.id), RESULT_PREVIEW) if job.result_stamp else None
        with suppress(*DAMAGE):
            return from_json(job.result_kinds, stored) if stored else None
        return None

    def files(self, job: Job) -> list[Artifact]:
        """Return all files of the result. Raises as `preview`."""
        if not may_have_files(job.result_kinds):
            return []
        preview = self._stored_preview(job)
        if preview and preview.names_all_files:
            return [file for part in preview.parts for file in part.files]
        return self.read(job, self.text(job), _files)

    def linked(self, job: Job, text: bytes, url_of: UrlOf) -> bytes:
        """Return the JSON text of a result with the addresses of its files. Raises UnreadableResult."""
        if is_ready(job, text):
            return text
        return self.read(job, text, _linked, url_of)

    def read(self, job: Job, text: bytes, work: Callable[..., _Answer], *arguments: Any) -> _Answer:
        """Return `work(job, value, size of the text, *arguments)`. Raises UnreadableResult."""
        call = self.apart if len(text) > LARGE_BYTES else _at_once
        answer: _Answer = call(_read, job, text, work, *arguments)
        return answer

    def traceback(self, job_id: str) -> str:
        """Return the traceback of a failed job, empty if there is none."""
        [payload] = self._latest([job_id])
        packed = (payload or {}).get(b"exc_string")
        try:
            return unpack(base64.b64decode(packed)).decode("utf-8", "replace") if packed else ""
        except (ValueError, zlib.error):
            return "The traceback is unreadable in Redis."

    def _latest(self, job_ids: Iterable[str]) -> list[dict[bytes, bytes] | None]:
        with self._redis.pipeline(transaction=False) as pipeline:
            for job_id in job_ids:
                pipeline.xrevrange(results_key(job_id), count=1)
            answers = pipeline.execute(raise_on_error=False)
        return [_DAMAGED if is_wrong_type(answer) else answer[0][1] if answer else None for answer in answers]


def _at_once(work: Callable[..., _Answer], *arguments: Any) -> _Answer:
    return work(*arguments)


def _read(job: Job, text: bytes, work: Callable[..., _Answer], *arguments: Any) -> _Answer:
    try:
        return work(job, read_value(job.id, text), len(text), *arguments)
    except DAMAGE:  # it is nested so deep that it can't be written again
        raise UnreadableResult(job.id) from None


def _preview_of(job: Job, value: Any, size: int) -> Preview:
    return preview_of(job.result_kinds, value, size)


def _files(job: Job, value: Any, size: int) -> list[Artifact]:
    return [file for part in result_parts(job.result_kinds, value) for file in part.files]


def _linked(job: Job, value: Any, size: int, url_of: UrlOf) -> bytes:
    return json.dumps(linked_result(job.result_kinds, value, url_of)).encode()


def is_ready(job: Job, text: bytes) -> bool:
    """Return True if the text can be sent as it is: by its stamp it is what the worker stored; no files are in it."""
    stamp = job.result_stamp
    is_intact = stamp is not None and (stamp.size, stamp.checksum) == (len(text), zlib.crc32(text))
    return is_intact and not may_have_files(job.result_kinds)


def read_value(job_id: str, text: bytes) -> Any:
    """Return the value of a JSON text. Raises UnreadableResult.

    Other programs also store what JSON does not have, or Python does not read: NaN, infinities and whole numbers of too
    many digits become text, half of a surrogate pair becomes a question mark.
    """
    try:
        value = _parsed(text)
        if b"\\ud" in text or b"\\uD" in text:
            return json.loads(json.dumps(value, ensure_ascii=False).encode("utf-8", "replace"))
        return value
    except DAMAGE:
        raise UnreadableResult(job_id) from None


def _parsed(text: bytes) -> Any:
    try:
        return json.loads(text, parse_constant=str, parse_float=_float if _MAY_BE_INFINITE.search(text) else None)
    except json.JSONDecodeError:
        raise
    except ValueError:
        return json.loads(text, parse_constant=str, parse_float=_float, parse_int=_int)


def _float(text: str) -> float | str:
    number = float(text)
    return number if math.isfinite(number) else "Infinity" if number > 0 else "-Infinity"


def _int(digits: str) -> int | str:
    return int(digits) if len(digits) <= MAX_DIGITS else digits


def _text(payload: dict[bytes, bytes]) -> bytes:
    try:
        return base64.b64decode(payload[b"return_value"]) if b"return_value" in payload else b"null"
    except ValueError:
        return b""
