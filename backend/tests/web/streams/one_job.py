"""A running job that reports events, and readers of its event streams."""

from __future__ import annotations

import json
import re
import socket
from collections.abc import Iterator

from redis import Redis

from taskdesk.jobs.events import Progress, emit
from taskdesk.jobs.keys import WAKE, job_key
from taskdesk.web.streams.watcher import Watcher

JOB = "a-job"
HEARTBEAT = b'event: heartbeat\ndata: {"live": true}\n\n'


def begin(redis: Redis) -> None:
    call = json.dumps(("tests.sample_tasks.echo", None, [], {}))
    redis.hset(job_key(JOB), mapping={"status": "started", "data": call, "origin": "default"})


def report(redis: Redis, *numbers: int) -> None:
    """Emit progress events, as a running job does."""
    with redis.pipeline() as pipeline:
        for number in numbers:
            emit(pipeline, JOB, "progress", Progress(number, 10_000, "").as_dict())
        pipeline.execute()


def end(redis: Redis) -> None:
    redis.hset(job_key(JOB), "status", "finished")
    redis.publish(WAKE, JOB)


def numbers(text: bytes) -> list[int]:
    return [int(number) for number in re.findall(rb'"current": (\d+)', text)]


def types(text: bytes) -> list[str]:
    return re.findall(r"^event: (.*)$", text.decode(), re.MULTILINE)


def read_until(watcher: Iterator[bytes], wanted: bytes) -> bytes:
    text = b""
    while wanted not in text:
        text += next(watcher)
    return text


def follow(watcher: Watcher) -> socket.socket:
    """Hand a connection to the watcher, and return its client's end."""
    ours, theirs = socket.socketpair()
    watcher.follow(ours)
    theirs.settimeout(20)
    return theirs


def receive_until(connection: socket.socket, wanted: bytes) -> bytes:
    text = b""
    while wanted not in text:
        received = connection.recv(65536)
        assert received, "the stream ended"
        text += received
    return text
