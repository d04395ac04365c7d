"""Send a running job's progress and output to Redis, at most ten times a second.

The task only leaves its latest progress and its text here; a thread sends them, so `progress()` and `print()` cost
next to nothing and a slow Redis does not slow the task.
"""

from __future__ import annotations

import io
import json
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TextIO

from redis import Redis
from redis.exceptions import RedisError
from rq.job import Job

from jobkit.events import LOG_BYTES, Progress, append_log, emit
from jobkit.jobs import PROGRESS

INTERVAL = 0.1  # seconds


class Reporter:
    def __init__(self, redis: Redis, job: Job, *, ttl: int):
        self._redis = redis
        self._job = job
        self._ttl = ttl
        self._lock = threading.Lock()
        self._news = threading.Event()
        self._ended = threading.Event()
        self._progress: Progress | None = None
        self._text: list[str] = []
        self._unsent_size = 0
        self._log_size = 0

    def progress(self, current: float, total: float, message: str) -> None:
        with self._lock:
            self._progress = Progress(
                float(current), float(total), str(message)[:500].encode("utf-8", "replace").decode()
            )
        self._news.set()

    def log(self, text: str) -> None:
        with self._lock:
            if self._unsent_size <= LOG_BYTES:  # while Redis is away, no more than a full log waits here
                self._text.append(text)
                self._unsent_size += len(text)
        self._news.set()

    @contextmanager
    def running(self) -> Iterator[None]:
        """Send news while the block runs; what is left is sent at its end."""
        thread = threading.Thread(target=self._send_until_ended, name="reporter", daemon=True)
        thread.start()
        try:
            yield
        finally:
            self._ended.set()
            self._news.set()
            thread.join(timeout=15)

    def _send_until_ended(self) -> None:
        while True:
            self._news.wait()
            self._news.clear()
            last = self._ended.is_set()
            try:
                self._send()
            except RedisError:
                self._news.set()
            if last:
                return
            self._ended.wait(INTERVAL)

    def _send(self) -> None:
        """Send what there is; what Redis did not take stays for the next time."""
        with self._lock:
            progress, lines = self._progress, len(self._text)
            text = "".join(self._text)
        if text:
            self._log_size = append_log(self._redis, self._job.id, text, offset=self._log_size, ttl=self._ttl)
            with self._lock:
                del self._text[:lines]
                self._unsent_size -= len(text)
        if progress:
            with self._redis.pipeline() as pipeline:
                pipeline.hset(self._job.key, PROGRESS, json.dumps([progress.current, progress.total, progress.message]))
                emit(pipeline, self._job.id, "progress", progress.as_dict(), ttl=self._ttl)
                pipeline.execute()
            with self._lock:
                if self._progress is progress:
                    self._progress = None


class Tee(io.TextIOBase):
    """Standard output of a task: it goes to the worker's own output and to the job's log."""

    def __init__(self, reporter: Reporter, original: TextIO):
        self._reporter = reporter
        self._original = original

    def writable(self) -> bool:
        return True

    def write(self, text: str) -> int:
        self._reporter.log(text)
        return self._original.write(text)

    def flush(self) -> None:
        self._original.flush()

    @property
    def encoding(self) -> str:  # type: ignore[override]
        return "utf-8"


@contextmanager
def captured_output(reporter: Reporter) -> Iterator[None]:
    """Copy what is printed in the block to the job's log."""
    originals = sys.stdout, sys.stderr
    sys.stdout, sys.stderr = Tee(reporter, originals[0]), Tee(reporter, originals[1])
    try:
        yield
    finally:
        sys.stdout, sys.stderr = originals
