"""Copy what a task prints and logs to the job's log, and to the worker's own output, where it can forge no line."""

from __future__ import annotations

import io
import logging
import sys
import threading
from contextlib import suppress
from typing import TextIO

from taskdesk.service.logs import escape_controls, formatter_for
from taskdesk.worker.child.progress_reporter import Reporter

MAX_LINE_CHARS = 8192  # of a JSON line in the worker's output; a longer text goes on in the next line


class Tee(io.TextIOBase):
    """Standard output or standard error of a task.

    `as_log`: each line that the task prints becomes a line of the worker's JSON log, which names the job.
    """

    def __init__(self, reporter: Reporter, original: TextIO, *, as_log: bool):
        self._reporter = reporter
        self._original = original
        self._formatter = formatter_for("prod") if as_log else None
        self._lock = threading.Lock()  # around `_rest`, the line that has no end yet
        self._rest = ""

    def writable(self) -> bool:
        return True

    def write(self, text: str) -> int:
        self._reporter.log(text)
        self._pass_on(self._as_log(text) if self._formatter else escape_controls(text))
        return len(text)

    def end_line(self) -> None:
        """End the last line of a job, so that the next job begins a new one."""
        if self._rest:
            self._pass_on(self._as_log("\n"))

    def flush(self) -> None:
        with suppress(OSError, ValueError):
            self._original.flush()

    @property
    def encoding(self) -> str:  # type: ignore[override]
        return "utf-8"

    def _pass_on(self, text: str) -> None:
        with suppress(OSError, ValueError):  # a task may have closed it
            self._original.write(text)

    def _as_log(self, text: str) -> str:
        with self._lock:
            *lines, self._rest = (self._rest + text).split("\n")
            if len(self._rest) > MAX_LINE_CHARS:
                lines, self._rest = [*lines, self._rest], ""
        return "".join(map(self._line, lines))

    def _line(self, text: str) -> str:
        assert self._formatter
        record = logging.makeLogRecord({"name": "output", "levelname": "INFO", "msg": text})
        return self._formatter.format(record) + "\n"


class _LogHandler(logging.Handler):
    def __init__(self, reporter: Reporter):
        super().__init__()
        self._reporter = reporter

    def emit(self, record: logging.LogRecord) -> None:
        self._reporter.log(self.format(record) + "\n")


def capture_output(reporter: Reporter, *, as_log: bool) -> tuple[Tee, Tee]:
    """Copy what this process prints and logs from now on to the log of the running job; return the new streams."""
    streams = Tee(reporter, sys.stdout, as_log=as_log), Tee(reporter, sys.stderr, as_log=as_log)
    sys.stdout, sys.stderr = streams
    handler = _LogHandler(reporter)
    handler.setFormatter(logging.Formatter("%(levelname)s %(name)s: %(message)s"))
    handler.addFilter(lambda record: not record.name.startswith(("rq.", "worker")))
    root = logging.getLogger()
    root.addHandler(handler)
    root.setLevel(logging.INFO)
    return streams
