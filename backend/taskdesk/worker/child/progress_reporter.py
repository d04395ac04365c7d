"""Send a running job's progress and output to Redis, at most ten times a second.

The task only leaves its latest progress and its text here; a thread sends them, so `progress()` and `print()` cost
next to nothing and a slow Redis does not slow the task. A job that says nothing costs nothing.
"""

from __future__ import annotations

import json
import os
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from functools import partial

from redis import Redis

from taskdesk.jobs.events import SET_IF_THERE, Progress, emit
from taskdesk.jobs.fields import PROGRESS
from taskdesk.jobs.keys import job_key
from taskdesk.worker.shared.output_buffer import FILE, OutputBuffer

ReportProgress = Callable[[float, float, str], None]  # current, total, message

WRITE_INTERVAL_SECONDS = 0.1  # between two writes to Redis
LOOK_SECONDS = 1.0  # between two looks for what C code and other programs have written, while none is expected
LAST_LINES_SECONDS = 3.0  # that the end of a job waits for Redis to take its last lines


class _Job:
    """The running job, and its latest progress that Redis does not have yet."""

    def __init__(self, job_id: str, ttl: int):
        self.id = job_id
        self.ttl = ttl
        self.began = time.monotonic()
        self.progress: Progress | None = None
        self.is_over = False


class Reporter:
    """Reports for all jobs of a process; call `begin` and `end` around each of them."""

    def __init__(self, redis: Redis, output: OutputBuffer):
        self._redis = redis
        self._output = output
        self._pid = os.getpid()  # a process that a job forks has no thread that sends, and ends no log
        self._lock = threading.Lock()  # around a job's progress
        self._sending = threading.Lock()
        self._news = threading.Event()
        self._thread: threading.Thread | None = None
        self._job: _Job | None = None
        self._taking = threading.Lock()  # around the file of the output
        self._polls = False  # something may be written to it
        self.pass_on: Callable[[bytes], None] = lambda content: None  # called with what was written to it

    def begin(self, job_id: str, *, ttl: int) -> None:
        """Progress and output belong to this job from now on; Redis keeps them for `ttl` seconds."""
        self._job = _Job(job_id, ttl)

    def end(self) -> None:
        """Send the rest, and wait for that no longer than LAST_LINES_SECONDS."""
        if (self._polls or self._output.has_file_news()) and os.getpid() == self._pid:
            self._take_file(is_over=True)
        job, self._job = self._job, None
        if job is None or os.getpid() != self._pid:
            return
        self._output.finish()
        if job.progress or not self._output.is_sent():
            self._send_last_lines(job)
        with self._sending:
            job.is_over = True
            self._output.clear()

    def _send_last_lines(self, job: _Job) -> None:
        deadline = time.monotonic() + LAST_LINES_SECONDS
        while True:
            try:
                return self._send(job)
            except Exception:  # no memory, say; the job has ended, whether its last lines arrive or not
                if time.monotonic() > deadline:
                    return
                time.sleep(WRITE_INTERVAL_SECONDS)

    def progress_of_job(self) -> ReportProgress:
        """Return the function that takes the progress of the running job, and of no job after it."""
        return partial(self._progress, self._job)

    def _progress(self, job: _Job | None, current: float, total: float, message: str) -> None:
        if job is None:
            return
        with self._lock:
            job.progress = Progress(current, total, str(message)[:500].encode("utf-8", "replace").decode())
        self._wake()

    def log(self, content: bytes, stream: int) -> None:
        """`stream`: one of output_buffer.STREAMS."""
        if self._job is None or os.getpid() != self._pid:
            return
        if self._output.has_file_news():
            self._take_file()  # it was written before
        self._output.write(content, stream)
        self._wake()

    def fileno(self) -> int:
        """Return a descriptor for output that does not come through `log`."""
        if self._job is not None:
            self._polls = True
            self._wake()
        return self._output.fileno()

    def _take_file(self, *, is_over: bool = False) -> None:
        with self._taking:
            for content in self._output.take_file():
                self._output.write(content, FILE)
                self.pass_on(content)
            if is_over:
                self._output.empty_file()
            self._polls = not is_over  # where something came from, more may come

    def _wake(self) -> None:
        if self._thread is None:
            thread = threading.Thread(target=self._send_for_ever, name="reporter", daemon=True)
            with suppress(RuntimeError):  # no memory for a thread: the next call tries again, and `end` sends the rest
                thread.start()
                self._thread = thread
        self._news.set()

    def _send_for_ever(self) -> None:
        while True:
            try:
                self._news.wait(WRITE_INTERVAL_SECONDS if self._polls else LOOK_SECONDS if self._job else None)
                self._news.clear()
                if self._output.has_file_news():
                    self._take_file()
                job = self._job
                if job:
                    self._send(job)
            except Exception:  # Redis is away, or no memory is left: go on for this job and later ones
                self._news.set()
            time.sleep(WRITE_INTERVAL_SECONDS)

    def _send(self, job: _Job) -> None:
        """Send output and progress; what Redis did not take stays for the next time."""
        with self._sending:
            if job.is_over:
                return
            self._output.send(self._redis, job.id, job.ttl, began=job.began)
            progress = job.progress
            if not progress:
                return
            shown = json.dumps([progress.current, progress.total, progress.message])
            with self._redis.pipeline() as pipeline:
                pipeline.eval(SET_IF_THERE, 1, job_key(job.id), PROGRESS, shown)
                emit(pipeline, job.id, "progress", progress.as_dict(), ttl=job.ttl)
                pipeline.execute()
            with self._lock:
                if job.progress is progress:
                    job.progress = None
