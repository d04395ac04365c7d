"""What a job has printed: the beginning and the end are kept, of a long log the middle is left out.

A position is the number of bytes that were printed before it, so it stays true whatever is left out. In Redis a log is
one string: the first HEAD bytes, a ring of TAIL bytes in which the newest replace the oldest, and, from when something
is left out, the size of all as digits.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any, NamedTuple

from redis import Redis
from redis.client import Pipeline

from taskdesk.jobs.keys import log_key

HEAD, TAIL = 64 * 1024, 192 * 1024  # bytes
LOG_BYTES = HEAD + TAIL

Span = tuple[int, int]  # from a position to another


class Log(NamedTuple):
    """`size`: bytes that were printed in all; to read on from there misses nothing."""

    text: str
    size: int


def kept_spans(start: int, end: int, size: int) -> list[Span]:
    """What is kept of the bytes from `start` to `end` of a log of this size."""
    spans = (start, min(end, HEAD)), (max(start, HEAD, size - TAIL), end)
    return [span for span in spans if span[0] < span[1]]


def places(start: int, end: int) -> Iterator[Span]:
    """Where in its string the bytes from `start` to `end` of a log stand, in order."""
    while start < end:
        place = start if start < HEAD else HEAD + (start - HEAD) % TAIL
        size = min(end - start, (HEAD if start < HEAD else LOG_BYTES) - place)
        yield place, place + size
        start += size


def write(pipeline: Pipeline, job_id: str, content: bytes, *, offset: int, ttl: int) -> None:
    """Write what was printed from position `offset` on. Written again, it changes nothing."""
    key, size = log_key(job_id), offset + len(content)
    for start, end in kept_spans(offset, size, size):
        for place, place_end in places(start, end):
            part, start = content[start - offset :][: place_end - place], start + place_end - place
            pipeline.setrange(key, place, part)
    if size > LOG_BYTES:
        pipeline.setrange(key, LOG_BYTES, b"%020d" % size)
    pipeline.expire(key, ttl)


def log_size(redis: Redis, job_id: str) -> int:
    """Bytes that were printed in all."""
    with redis.pipeline(transaction=False) as pipeline:
        _ask_size(pipeline, job_id)
        return _size(*pipeline.execute())


def read_log(redis: Redis, job_id: str, offset: int = 0) -> Log:
    """The log from a position on; a line tells what is left out there. A character that `offset` cuts is replaced."""
    content: bytes = redis.get(log_key(job_id)) or b""
    size = _size(len(content), content[LOG_BYTES:])

    def read(start: int, end: int) -> bytes:
        return b"".join(content[slice(*place)] for place in places(start, end))

    return Log(_text(read, offset, size, size), size)


def add_texts(redis: Redis, job_id: str, pieces: list[dict[str, Any]]) -> None:
    """Give each piece of a log, `size` bytes from `offset` on, its `text`. What is left out is told in the next."""
    if not pieces:
        return
    with redis.pipeline(transaction=False) as pipeline:
        for piece in pieces:
            for place, place_end in _places_of(piece):
                pipeline.getrange(log_key(job_id), place, place_end - 1)
        _ask_size(pipeline, job_id)  # last: what the ring has lost meanwhile counts as left out
        *contents, length, trailer = pipeline.execute()
    parts, told = iter(contents), pieces[0]["offset"]
    for piece in pieces:
        offset, end = piece["offset"], piece["offset"] + piece["size"]
        content = b"".join(next(parts) for _ in _places_of(piece))
        size = max(_size(length, trailer), end)
        kept = kept_spans(offset, end, size)
        piece["text"] = _text(partial(_part, content, offset), min(told, offset), kept[-1][1], size) if kept else ""
        told = kept[-1][1] if kept else min(told, offset)


def _part(content: bytes, offset: int, start: int, end: int) -> bytes:
    return content[start - offset : end - offset]


def _places_of(piece: dict[str, Any]) -> Iterator[Span]:
    return places(piece["offset"], piece["offset"] + piece["size"])


def _ask_size(pipeline: Pipeline, job_id: str) -> None:
    """`_size` takes the two answers."""
    pipeline.strlen(log_key(job_id))
    pipeline.getrange(log_key(job_id), LOG_BYTES, -1)


def _size(length: int, trailer: bytes) -> int:
    return int(trailer) if trailer.isdigit() else min(length, LOG_BYTES)


def _text(read: Callable[[int, int], bytes], start: int, end: int, size: int) -> str:
    text = ""
    for kept_start, kept_end in kept_spans(start, end, size):
        if kept_start > start:
            text += f"\n… {kept_start - start:,} bytes left out …\n"
        text += read(kept_start, kept_end).decode("utf-8", "replace")
        start = kept_end
    return text
