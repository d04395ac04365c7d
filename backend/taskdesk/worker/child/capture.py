"""Copy what a task prints and logs to the job's log, and to the worker's own output, where it can forge no line.

What C code and other programs write to the descriptors 1 and 2 goes to a file of the output buffer. The reporter takes
it from there: a look at its size costs a job a third of a microsecond. Whatever writes to the streams of the process
itself, such as our logs, writes to copies of the descriptors that they had.
"""

from __future__ import annotations

import codecs
import ctypes
import io
import logging
import os
import sys
import threading
from contextlib import suppress
from typing import Any, TextIO

from taskdesk.service.logs import escape_controls, formatter_for
from taskdesk.worker.child.changes import Watched
from taskdesk.worker.child.progress_reporter import Reporter
from taskdesk.worker.shared.output_buffer import LOGGING, STDERR, STDOUT

_IOLBF = 1  # of stdio.h, with glibc and musl
MAX_LINE_CHARS = 8192  # of a JSON line in the worker's output; a longer text goes on in the next line


class _Tee(io.BufferedIOBase):
    """The bytes of a task's standard output or standard error: see Stream. `is_changed`: a job has closed it, say.

    `as_log`: each line that the task prints becomes a line of the worker's JSON log, which names the job.
    """

    mode = "wb"

    def __init__(self, reporter: Reporter, original: TextIO, stream: int, *, as_log: bool):
        self.name = "<stdout>" if stream == STDOUT else "<stderr>"
        self._stream = stream
        self.raw = self  # as a script's sys.stdout.buffer has one
        self.is_changed = False
        self._reporter = reporter
        self._original = original
        self._formatter = formatter_for("prod") if as_log else None
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._lock = threading.Lock()  # around the decoder, and `rest`, the line that has no end yet
        self.rest = ""

    def writable(self) -> bool:
        return True

    def fileno(self) -> int:
        """Return a descriptor for C code and other programs. What they write there arrives within a tenth of a second.

        It stays open and the same: faulthandler, for one, keeps it for later jobs.
        """
        return self._reporter.fileno()

    def write(self, content: Any) -> int:
        if self.closed:
            raise ValueError("I/O operation on closed file.")
        content = bytes(content)
        self._reporter.log(content, self._stream)
        self.pass_on(content)
        return len(content)

    def pass_on(self, content: bytes) -> None:
        """Copy to the worker's output alone."""
        with self._lock:
            text = self._decoder.decode(content)
            shown = self._as_log(text) if self._formatter else escape_controls(text)
        self._write(shown)

    def end_line(self) -> None:
        """End the last line of a job, so that the next job begins a new one."""
        if self.rest:
            self._write(self._as_log("\n"))

    def close(self) -> None:
        self.is_changed = True
        super().close()

    def flush(self) -> None:
        with suppress(OSError, ValueError):
            self._original.flush()

    def _write(self, text: str) -> None:
        with suppress(OSError, ValueError):  # a task may have closed it
            self._original.write(text)

    def _as_log(self, text: str) -> str:
        *lines, self.rest = (self.rest + text).split("\n")
        if len(self.rest) > MAX_LINE_CHARS:
            lines, self.rest = [*lines, self.rest], ""
        return "".join(map(self._line, lines))

    def _line(self, text: str) -> str:
        assert self._formatter
        record = logging.makeLogRecord({"name": "output", "levelname": "INFO", "msg": text})
        return self._formatter.format(record) + "\n"


class Stream(io.TextIOWrapper):
    """`sys.stdout` or `sys.stderr` of the tasks, a text file like any."""

    mode = "w"

    def __init__(self, tee: _Tee):
        self.tee = tee
        super().__init__(tee, encoding="utf-8", errors="backslashreplace", newline="\n", write_through=True)

    def reconfigure(self, **options: Any) -> None:
        self.tee.is_changed = True
        super().reconfigure(**{**options, "write_through": True})

    def detach(self) -> Any:
        self.tee.is_changed = True
        return super().detach()


class _LogHandler(logging.Handler):
    def __init__(self, reporter: Reporter):
        super().__init__()
        self._reporter = reporter

    def emit(self, record: logging.LogRecord) -> None:
        self._reporter.log((self.format(record) + "\n").encode("utf-8", "replace"), LOGGING)


class Capture:
    """Copies what this process prints and logs to the log of the running job, as soon as it is made."""

    def __init__(self, reporter: Reporter, *, as_log: bool):
        self._reporter = reporter
        self._as_log = as_log
        self._originals = _copy_of(1), _copy_of(2)
        _move_handlers(dict(zip((1, 2), self._originals, strict=True)))
        for descriptor in (1, 2):
            os.dup2(reporter.fileno(), descriptor)
        _buffer_lines_of_c()
        self._streams = self._make()
        self._add_handler()
        _close_input()
        reporter.pass_on = lambda content: self._streams[0].tee.pass_on(content)
        self.restore()

    def watched(self) -> Watched:
        streams = [(sys, name) for name in ("stdout", "stderr", "__stdout__", "__stderr__")]
        tees = [(stream.tee, name) for stream in self._streams for name in ("is_changed", "rest")]
        return Watched([*streams, *tees], [])

    def restore(self) -> None:
        """Begin another job."""
        if any(stream.tee.is_changed for stream in self._streams):
            self._streams = self._make()
        sys.stdout, sys.stderr = sys.__stdout__, sys.__stderr__ = self._streams  # type: ignore[misc]
        for stream in self._streams:
            stream.tee.end_line()

    def _make(self) -> tuple[Stream, Stream]:
        out, err = (
            Stream(_Tee(self._reporter, original, stream, as_log=self._as_log))
            for original, stream in zip(self._originals, (STDOUT, STDERR), strict=True)
        )
        return out, err

    def _add_handler(self) -> None:
        handler = _LogHandler(self._reporter)
        handler.setFormatter(logging.Formatter("%(levelname)s %(name)s: %(message)s"))
        handler.addFilter(lambda record: not record.name.startswith(("rq.", "worker")))
        root = logging.getLogger()
        root.addHandler(handler)
        root.setLevel(logging.INFO)


def _copy_of(descriptor: int) -> TextIO:
    """Return a stream to where the descriptor leads; to nowhere if an import has closed it."""
    try:
        copy = os.dup(descriptor)
    except OSError:
        copy = os.open(os.devnull, os.O_WRONLY)
    return open(copy, "w", buffering=1, encoding="utf-8", errors="backslashreplace")


def _move_handlers(copies: dict[int, TextIO]) -> None:
    """Let the handlers that log to a descriptor log to its copy: what a job logs is in its log already."""
    loggers = [logging.root, *logging.Logger.manager.loggerDict.values()]
    for handler in {handler for logger in loggers for handler in getattr(logger, "handlers", ())}:
        with suppress(Exception):  # it has no stream, or a stream without a descriptor
            copy = copies.get(handler.stream.fileno())
            if copy:
                handler.setStream(copy)  # which flushes the stream that it had


def _buffer_lines_of_c() -> None:
    """Let C code write each line of its standard output at once, as to a terminal."""
    libc = ctypes.CDLL(None)
    with suppress(ValueError, AttributeError):  # another name in another system
        libc.setvbuf(ctypes.c_void_p.in_dll(libc, "stdout"), None, _IOLBF, 0)


def _close_input() -> None:
    """Let standard input be empty: from a terminal, it would be the supervisor's."""
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    sys.stdin = sys.__stdin__ = open(0, closefd=False)  # type: ignore[misc]  # noqa: SIM115
