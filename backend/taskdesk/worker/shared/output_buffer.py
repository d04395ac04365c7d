"""The output of the running job that Redis does not have yet, in memory that the child shares with its supervisor.

It outlives the child: however the child dies, the supervisor sends the rest. While Redis is away, at most a full log
waits here, in the layout of the log itself (jobs/joblog.py).
"""

from __future__ import annotations

import ctypes
import fcntl
import mmap
import os
import tempfile
import threading
from collections.abc import Iterator
from weakref import finalize

from redis import Redis

from taskdesk.jobs.events import append_log
from taskdesk.jobs.joblog import HEAD_BYTES, MAX_LOG_BYTES, kept_spans, log_size, places
from taskdesk.worker.shared.log_clock import LogClock
from taskdesk.worker.shared.terminal import CONTROLS, Screen

_UNKNOWN = -1
MAX_HELD_BYTES = 8192
STREAMS = STDOUT, STDERR, FILE, LOGGING = range(4)  # where output comes from
_MAX_FILE_BYTES = MAX_LOG_BYTES  # that are read at a time, and from which on what was read of a file is freed
MAX_FILE_DISK_BYTES = 64 << 20  # that the file may take; a log has a small part of it
_BLOCK_BYTES = 512  # of st_blocks
_PUNCH_HOLE = 3  # FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE of fallocate(2)
_fallocate = getattr(ctypes.CDLL(None), "fallocate", None)  # of Linux


class _Buffer(ctypes.Structure):
    _fields_ = (
        ("size_before", ctypes.c_int64),  # of the log when the job began, or _UNKNOWN
        ("printed", ctypes.c_uint64),  # bytes since then
        ("sent", ctypes.c_uint64),  # those of them that Redis has
        ("file_read", ctypes.c_uint64),  # bytes of the file that were taken
        ("held_size", ctypes.c_uint64),
        ("held", ctypes.c_ubyte * MAX_HELD_BYTES),  # lines that may still change: see terminal.py
        ("log", ctypes.c_ubyte * MAX_LOG_BYTES),
    )


class OutputBuffer:
    def __init__(self) -> None:
        self._buffer = _Buffer.from_buffer(mmap.mmap(-1, ctypes.sizeof(_Buffer)))
        self._log = memoryview(self._buffer.log).cast("B")
        self._held = memoryview(self._buffer.held).cast("B")
        self._screens = [Screen() for _ in STREAMS]
        self._has_controls = False  # a screen was used
        self._claimed = 0  # up to here, text may be on its way to Redis
        self._log_clock = LogClock()
        self._line = STDOUT, 0  # the stream that was written to last, and where its last line begins
        self._lock = threading.Lock()  # around the buffer
        with tempfile.TemporaryFile() as file:
            self._file = os.dup(file.fileno())
        finalize(self, os.close, self._file)
        fcntl.fcntl(self._file, fcntl.F_SETFL, os.O_RDWR | os.O_APPEND)
        self.clear()

    def fileno(self) -> int:
        """Return the descriptor of a file for output that does not come from Python: see `take_file`."""
        return self._file

    def has_file_news(self) -> bool:
        """Return True if something was written to the file since the last `take_file`; it takes a third of a µs."""
        return bool(os.lseek(self._file, 0, os.SEEK_END) != self._buffer.file_read)

    def empty_file(self) -> None:
        """Let the file begin anew, after all of it was taken: its size counts for a job's limit of files."""
        os.ftruncate(self._file, 0)
        self._buffer.file_read = 0

    def bound_file(self) -> None:
        """Empty the file if it takes too much of the disk: nobody takes from it while a job says nothing itself."""
        if os.fstat(self._file).st_blocks * _BLOCK_BYTES > MAX_FILE_DISK_BYTES:
            os.ftruncate(self._file, 0)

    def take_file(self) -> Iterator[bytes]:
        """Yield what was written to the file since the last call."""
        descriptor, buffer = self._file, self._buffer
        size = os.fstat(descriptor).st_size
        if size < buffer.file_read:  # somebody has emptied it
            buffer.file_read = 0
        while buffer.file_read < size:
            content = os.pread(descriptor, min(_MAX_FILE_BYTES, size - buffer.file_read), buffer.file_read)
            if not content:  # somebody empties it
                break
            buffer.file_read += len(content)
            yield content
        if size > _MAX_FILE_BYTES:
            self._free(size)

    def _free(self, size: int) -> None:
        """Give the disk back what the first bytes of the file take: others may be writing more at its end."""
        if _fallocate:
            _fallocate(self._file, _PUNCH_HOLE, ctypes.c_int64(0), ctypes.c_int64(size))
        else:  # what is written at this moment is lost
            os.ftruncate(self._file, 0)
            self._buffer.file_read = 0

    def clear(self) -> None:
        """Another job begins."""
        if self._buffer.size_before == _UNKNOWN and not self._buffer.printed:
            return  # most jobs print nothing
        with self._lock:
            self._buffer.printed = 0  # first: should the child die now, nothing is sent twice
            self._buffer.sent = 0
            self._claimed, self._line = 0, (STDOUT, 0)
            self._buffer.size_before = _UNKNOWN

    def write(self, content: bytes, stream: int = STDOUT) -> None:
        """Add what was written to one of STREAMS. A line that is drawn again and again is added as it was last."""
        with self._lock:
            screen = self._screens[stream]
            if screen.is_blank and not CONTROLS.search(content):
                self._append(content, stream)
                return
            self._has_controls = True
            if screen.is_blank:
                screen.write(self._take_back(stream, content))
            if finished := screen.write(content):
                self._append(finished.encode("utf-8", "replace"), stream)
            self._hold("\n".join(filter(None, (screen.text() for screen in self._screens))))

    def finish(self) -> None:
        """Add the lines that could still change."""
        if not (self._has_controls or self._buffer.held_size):
            return
        with self._lock:
            self._has_controls = False
            size, self._buffer.held_size = self._buffer.held_size, 0
            self._append(bytes(self._held[:size]), STDOUT)
            self._screens = [Screen() for _ in STREAMS]

    def _hold(self, text: str) -> None:
        held = text.encode("utf-8", "replace")[-MAX_HELD_BYTES:]
        self._held[: len(held)] = held
        self._buffer.held_size = len(held)

    def _append(self, text: bytes, stream: int) -> None:
        printed = self._buffer.printed
        size = printed + len(text)
        for start, end in kept_spans(printed, size, size):
            for place, place_end in places(start, end):
                part, start = text[start - printed :][: place_end - place], start + place_end - place
                self._log[place:place_end] = part
        self._buffer.printed = size
        line_start = printed + text.rfind(b"\n") + 1
        if line_start > printed or stream != self._line[0]:
            self._line = stream, line_start

    def _take_back(self, stream: int, content: bytes) -> bytes:
        """Remove the line of this stream that has no end yet, and return it: `content` may draw over it.

        If Redis may have it, end it.
        """
        start, end = self._line[1], self._buffer.printed
        if stream != self._line[0] or start == end:
            return b""
        if start < self._claimed or end > HEAD_BYTES:
            if content.startswith(b"\r") and not content.startswith(b"\r\n"):
                self._append(b"\n", stream)
            return b""
        self._buffer.printed = start
        return bytes(self._log[start:end])

    def write_rest(self) -> None:
        """Add what a child that has died left in the file, and what it held back."""
        for content in self.take_file():
            self.write(content, FILE)
        self.finish()

    def take_last_words(self) -> str:
        """Return the end of what a child that has died left in the file."""
        words = b""
        for content in self.take_file():
            words = (words + content)[-MAX_HELD_BYTES:]
        return words.decode("utf-8", "replace").strip()

    def is_sent(self) -> bool:
        return bool(self._buffer.printed == self._buffer.sent)

    def send(self, redis: Redis, job_id: str, ttl: int, *, began: float = 0) -> None:
        """Send the rest. Output that Redis did not take stays for the next call. Raises RedisError.

        `began`: when the job did (monotonic), 0 if unknown.
        """
        with self._lock:
            sent, printed = self._buffer.sent, self._buffer.printed
            self._claimed = printed
            pieces = [(start, self._read(start, end)) for start, end in kept_spans(sent, printed, printed)]
        if pieces and self._buffer.size_before == _UNKNOWN:  # an earlier attempt may have printed
            self._buffer.size_before = log_size(redis, job_id)
        before = self._buffer.size_before
        for start, content in pieces:
            times = self._log_clock.note(redis, job_id, began, before, before + start)
            append_log(redis, job_id, content, offset=before + start, ttl=ttl, times=times)
            self._buffer.sent = start + len(content)

    def _read(self, start: int, end: int) -> bytes:
        return b"".join(self._log[a:b] for a, b in places(start, end))
