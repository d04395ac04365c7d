"""The log of a job: what it has printed. A long log keeps its beginning and its end; the middle is left out.

A position is the number of bytes that were printed before it, so it stays true whatever is left out. In Redis a log
is one string: the first HEAD_BYTES, then a ring of TAIL_BYTES in which the newest bytes replace the oldest, and, as
soon as something is left out, the size of the whole log as digits. Its colors are the
sequences of a terminal, and each line sets all of its own (worker/shared/colors.py).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any, NamedTuple

from redis import Redis
from redis.client import Pipeline

from taskdesk.jobs.keys import log_key

HEAD_BYTES, TAIL_BYTES = 64 * 1024, 192 * 1024
MAX_LOG_BYTES = HEAD_BYTES + TAIL_BYTES

COLORS = re.compile(r"\x1b\[([\d;]*)m")  # the only escape sequences in a log

Span = tuple[int, int]  # from a position to another


class Log(NamedTuple):
    """`size`: bytes that were printed in all. A reader that goes on from there misses nothing."""

    text: str
    size: int


def plain(text: str) -> str:
    """Return the text without colors."""
    return COLORS.sub("", text)


def kept_spans(start: int, end: int, size: int) -> list[Span]:
    """Return the parts that are kept of the bytes from `start` to `end` of a log of this size."""
    spans = (start, min(end, HEAD_BYTES)), (max(start, HEAD_BYTES, size - TAIL_BYTES), end)
    return [span for span in spans if span[0] < span[1]]


def places(start: int, end: int) -> Iterator[Span]:
    """Yield where in its string the bytes from `start` to `end` of a log stand, in order."""
    while start < end:
        place = start if start < HEAD_BYTES else HEAD_BYTES + (start - HEAD_BYTES) % TAIL_BYTES
        size = min(end - start, (HEAD_BYTES if start < HEAD_BYTES else MAX_LOG_BYTES) - place)
        yield place, place + size
        start += size


def write(pipeline: Pipeline, job_id: str, content: bytes, *, offset: int, ttl: int) -> None:
    """Write what was printed from position `offset` on. Writing it again changes nothing."""
    key, size = log_key(job_id), offset + len(content)
    for start, end in kept_spans(offset, size, size):
        for place, place_end in places(start, end):
            part, start = content[start - offset :][: place_end - place], start + place_end - place
            pipeline.setrange(key, place, part)
    if size > MAX_LOG_BYTES:
        pipeline.setrange(key, MAX_LOG_BYTES, b"%020d" % size)
    pipeline.expire(key, ttl)


def log_size(redis: Redis, job_id: str) -> int:
    """Return the bytes that were printed in all."""
    with redis.pipeline(transaction=False) as pipeline:
        _ask_size(pipeline, job_id)
        return _size(*pipeline.execute())


def read_log(redis: Redis, job_id: str, offset: int = 0) -> Log:
    """Return the log from a position on. A line tells what is left out. A character that `offset` cuts is replaced."""
    content: bytes = redis.get(log_key(job_id)) or b""
    size = _size(len(content), content[MAX_LOG_BYTES:])

    def read(start: int, end: int) -> bytes:
        return b"".join(content[slice(*place)] for place in places(start, end))

    return Log(_text(read, offset, size, size), size)


def add_texts(redis: Redis, job_id: str, pieces: list[dict[str, Any]]) -> None:
    """Give each piece of a log, `size` bytes from `offset` on, its `text`.

    The text of the piece after a gap tells how much is left out.
    """
    if not pieces:
        return
    with redis.pipeline(transaction=False) as pipeline:
        for piece in pieces:
            for place, place_end in _places_of(piece):
                pipeline.getrange(log_key(job_id), place, place_end - 1)
        _ask_size(pipeline, job_id)  # last, so that what the ring loses meanwhile counts as left out
        *contents, length, trailer = pipeline.execute()
    parts, shown_to = iter(contents), pieces[0]["offset"]
    for piece in pieces:
        offset, end = piece["offset"], piece["offset"] + piece["size"]
        content = b"".join(next(parts) for _ in _places_of(piece))
        size = max(_size(length, trailer), end)
        kept = kept_spans(offset, end, size)
        piece["text"] = _text(partial(_part, content, offset), min(shown_to, offset), kept[-1][1], size) if kept else ""
        shown_to = kept[-1][1] if kept else min(shown_to, offset)


def _part(content: bytes, offset: int, start: int, end: int) -> bytes:
    return content[start - offset : end - offset]


def _places_of(piece: dict[str, Any]) -> Iterator[Span]:
    return places(piece["offset"], piece["offset"] + piece["size"])


def _ask_size(pipeline: Pipeline, job_id: str) -> None:
    """Ask for the two answers that `_size` takes."""
    pipeline.strlen(log_key(job_id))
    pipeline.getrange(log_key(job_id), MAX_LOG_BYTES, -1)


def _size(length: int, trailer: bytes) -> int:
    return int(trailer) if trailer.isdigit() else min(length, MAX_LOG_BYTES)


def _text(read: Callable[[int, int], bytes], start: int, end: int, size: int) -> str:
    text = ""
    for kept_start, kept_end in kept_spans(start, end, size):
        if kept_start > start:
            text += f"\n… {kept_start - start:,} bytes left out …\n"
        text += read(kept_start, kept_end).decode("utf-8", "replace")
        start = kept_end
    return text
