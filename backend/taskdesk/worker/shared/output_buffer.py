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
from taskdesk.jobs.joblog import MAX_LOG_BYTES, kept_spans, log_size, places

_UNKNOWN = -1
_MAX_FILE_BYTES = MAX_LOG_BYTES  # that are read at a time, and from which on a file that was read is emptied


class _Buffer(ctypes.Structure):
    _fields_ = (
        ("size_before", ctypes.c_int64),  # of the log when the job began, or _UNKNOWN
        ("printed", ctypes.c_uint64),  # bytes since then
        ("sent", ctypes.c_uint64),  # those of them that Redis has
        ("file_read", ctypes.c_uint64),  # bytes of the file that were taken
        ("log", ctypes.c_ubyte * MAX_LOG_BYTES),
    )


class OutputBuffer:
    def __init__(self) -> None:
        self._buffer = _Buffer.from_buffer(mmap.mmap(-1, ctypes.sizeof(_Buffer)))
        self._log = memoryview(self._buffer.log).cast("B")
        self._lock = threading.Lock()  # around the buffer
        with tempfile.TemporaryFile() as file:
            self._file = os.dup(file.fileno())
        finalize(self, os.close, self._file)
        fcntl.fcntl(self._file, fcntl.F_SETFL, os.O_RDWR | os.O_APPEND)
        self.clear()

    def fileno(self) -> int:
        """Return the descriptor of a file for output that does not come from Python: see `take_file`."""
        return self._file

    def take_file(self) -> Iterator[bytes]:
        """Yield what was written to the file since the last call."""
        descriptor, buffer = self._file, self._buffer
        size = os.fstat(descriptor).st_size
        if size < buffer.file_read:  # somebody has emptied it
            buffer.file_read = 0
        while buffer.file_read < size:
            content = os.pread(descriptor, min(_MAX_FILE_BYTES, size - buffer.file_read), buffer.file_read)
            buffer.file_read += len(content)
            yield content
        if size > _MAX_FILE_BYTES:  # what is written at this moment is lost: of so much text the middle is left out
            os.ftruncate(descriptor, 0)
            buffer.file_read = 0

    def clear(self) -> None:
        """Another job begins."""
        if self._buffer.size_before == _UNKNOWN and not self._buffer.printed:
            return  # most jobs print nothing
        with self._lock:
            self._buffer.printed = 0  # first: should the child die now, nothing is sent twice
            self._buffer.sent = 0
            self._buffer.size_before = _UNKNOWN

    def write(self, text: bytes) -> None:
        with self._lock:
            printed = self._buffer.printed
            size = printed + len(text)
            for start, end in kept_spans(printed, size, size):
                for place, place_end in places(start, end):
                    part, start = text[start - printed :][: place_end - place], start + place_end - place
                    self._log[place:place_end] = part
            self._buffer.printed = size

    def write_file(self) -> None:
        """Add what a child that has died left in the file."""
        for content in self.take_file():
            self.write(content)

    def is_sent(self) -> bool:
        return bool(self._buffer.printed == self._buffer.sent)

    def send(self, redis: Redis, job_id: str, ttl: int) -> None:
        """Send the rest. Output that Redis did not take stays for the next call. Raises RedisError."""
        with self._lock:
            sent, printed = self._buffer.sent, self._buffer.printed
            pieces = [(start, self._read(start, end)) for start, end in kept_spans(sent, printed, printed)]
        if pieces and self._buffer.size_before == _UNKNOWN:  # an attempt before this one may have printed, too
            self._buffer.size_before = log_size(redis, job_id)
        for start, content in pieces:
            append_log(redis, job_id, content, offset=self._buffer.size_before + start, ttl=ttl)
            self._buffer.sent = start + len(content)

    def _read(self, start: int, end: int) -> bytes:
        return b"".join(self._log[a:b] for a, b in places(start, end))
