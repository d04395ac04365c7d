"""Send a running job's progress and output to Redis, at most ten times a second.

The task only leaves its latest progress and its text here; a thread sends them, so `progress()` and `print()` cost
next to nothing and a slow Redis does not slow the task. A job that says nothing costs nothing.
"""

from __future__ import annotations

import io
import json
import logging
import math
import sys
import threading
import time
from contextlib import suppress
from typing import TextIO

from redis import Redis
from redis.exceptions import RedisError

from jobkit.events import LOG_BYTES, Progress, append_log, emit
from jobkit.job import PROGRESS
from jobkit.redis import job_key, log_key

INTERVAL = 0.1  # seconds
PATIENCE = 3.0  # seconds that the end of a job waits for Redis to take the last lines

# A job that was deleted meanwhile must not come back as a hash with nothing but its progress.
_SET_IF_THERE = "if redis.call('EXISTS', KEYS[1]) == 1 then redis.call('HSET', KEYS[1], ARGV[1], ARGV[2]) end"


class _Output:
    """What one job has said and Redis does not have yet."""

    def __init__(self, job_id: str, ttl: int):
        self.job_id = job_id
        self.ttl = ttl
        self.progress: Progress | None = None
        self.text: list[str] = []
        self.unsent_size = 0
        self.log_size: int | None = None


class Reporter:
    """One for all jobs of a process; `begin` and `end` stand around each of them."""

    def __init__(self, redis: Redis):
        self._redis = redis
        self._lock = threading.Lock()  # around what a job has said
        self._sending = threading.Lock()
        self._news = threading.Event()
        self._thread: threading.Thread | None = None
        self._output: _Output | None = None

    def begin(self, job_id: str, *, ttl: int) -> None:
        """From now on, what is said belongs to this job; it is kept for `ttl` seconds."""
        self._output = _Output(job_id, ttl)

    def end(self) -> None:
        """Send what is left."""
        output, self._output = self._output, None
        if output is None or not (output.text or output.progress):
            return
        deadline = time.monotonic() + PATIENCE
        while True:
            try:
                return self._send(output)
            except RedisError:
                if time.monotonic() > deadline:
                    return
                time.sleep(INTERVAL)

    def progress(self, current: float, total: float, message: str) -> None:
        output = self._output
        if output is None:
            return
        current, total = float(current), float(total)
        if not (math.isfinite(current) and math.isfinite(total)):
            raise ValueError(f"progress({current}, {total}): both have to be finite numbers")
        with self._lock:
            output.progress = Progress(current, total, str(message)[:500].encode("utf-8", "replace").decode())
        self._wake()

    def log(self, text: str) -> None:
        output = self._output
        if output is None:
            return
        with self._lock:
            if output.unsent_size <= LOG_BYTES:  # while Redis is away, no more than a full log waits here
                output.text.append(text)
                output.unsent_size += len(text)
        self._wake()

    def _wake(self) -> None:
        if self._thread is None:
            self._thread = threading.Thread(target=self._send_for_ever, name="reporter", daemon=True)
            self._thread.start()
        self._news.set()

    def _send_for_ever(self) -> None:
        while True:
            self._news.wait()
            self._news.clear()
            output = self._output
            if output:
                try:
                    self._send(output)
                except RedisError:
                    self._news.set()
            time.sleep(INTERVAL)

    def _send(self, output: _Output) -> None:
        """Send what there is; what Redis did not take stays for the next time."""
        with self._sending:
            with self._lock:
                progress, lines = output.progress, len(output.text)
                text = "".join(output.text)
            if text:
                if output.log_size is None:  # an attempt before this one may have written, too
                    output.log_size = self._redis.strlen(log_key(output.job_id))
                output.log_size = append_log(self._redis, output.job_id, text, offset=output.log_size, ttl=output.ttl)
                with self._lock:
                    del output.text[:lines]
                    output.unsent_size -= len(text)
            if progress:
                shown = json.dumps([progress.current, progress.total, progress.message])
                with self._redis.pipeline() as pipeline:
                    pipeline.eval(_SET_IF_THERE, 1, job_key(output.job_id), PROGRESS, shown)
                    emit(pipeline, output.job_id, "progress", progress.as_dict(), ttl=output.ttl)
                    pipeline.execute()
                with self._lock:
                    if output.progress is progress:
                        output.progress = None


class Tee(io.TextIOBase):
    """Standard output of a task: it goes to the worker's own output and to the job's log."""

    def __init__(self, reporter: Reporter, original: TextIO):
        self._reporter = reporter
        self._original = original

    def writable(self) -> bool:
        return True

    def write(self, text: str) -> int:
        self._reporter.log(text)
        with suppress(OSError, ValueError):  # a task may have closed it
            self._original.write(text)
        return len(text)

    def flush(self) -> None:
        with suppress(OSError, ValueError):
            self._original.flush()

    @property
    def encoding(self) -> str:  # type: ignore[override]
        return "utf-8"


class _LogHandler(logging.Handler):
    def __init__(self, reporter: Reporter):
        super().__init__()
        self._reporter = reporter

    def emit(self, record: logging.LogRecord) -> None:
        self._reporter.log(self.format(record) + "\n")


def capture_output(reporter: Reporter) -> None:
    """From now on, copy what this process prints and logs to the log of the job that runs."""
    sys.stdout, sys.stderr = Tee(reporter, sys.stdout), Tee(reporter, sys.stderr)
    handler = _LogHandler(reporter)
    handler.setFormatter(logging.Formatter("%(levelname)s %(name)s: %(message)s"))
    handler.addFilter(lambda record: not record.name.startswith(("rq.", "worker")))
    root = logging.getLogger()
    root.addHandler(handler)
    root.setLevel(logging.INFO)
