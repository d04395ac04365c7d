"""What the job that runs has printed and Redis does not have yet, in memory that the child shares with its supervisor.

So it outlives the child: however that dies, the supervisor sends the rest. While Redis is away no more than a full log
waits here, laid out as the log itself (jobs/joblog.py).
"""

from __future__ import annotations

import mmap
import struct
import threading

from redis import Redis

from taskdesk.jobs.events import append_log
from taskdesk.jobs.joblog import LOG_BYTES, kept_spans, log_size, places

_STATE = struct.Struct("=q Q Q")  # size of the log when the job began (-1: not known), bytes printed since, those sent
_NOTHING = -1, 0, 0


class OutputBuffer:
    def __init__(self) -> None:
        self._memory = mmap.mmap(-1, _STATE.size + LOG_BYTES)
        self._lock = threading.Lock()  # around what is in there
        self.clear()

    def clear(self) -> None:
        """Another job begins."""
        if self._state() != _NOTHING:  # most jobs print nothing
            with self._lock:
                _STATE.pack_into(self._memory, 0, *_NOTHING)

    def write(self, text: bytes) -> None:
        with self._lock:
            before, printed, sent = self._state()
            size = printed + len(text)
            for start, end in kept_spans(printed, size, size):
                for place, place_end in places(start, end):
                    part, start = text[start - printed :][: place_end - place], start + place_end - place
                    self._memory[_STATE.size + place : _STATE.size + place_end] = part
            _STATE.pack_into(self._memory, 0, before, size, sent)

    def is_sent(self) -> bool:
        _, printed, sent = self._state()
        return printed == sent

    def send(self, redis: Redis, job_id: str, ttl: int) -> None:
        """Send the rest. What Redis did not take stays for the next time. Raises RedisError."""
        with self._lock:
            before, printed, sent = self._state()
            pieces = [(start, self._read(start, end)) for start, end in kept_spans(sent, printed, printed)]
        if pieces and before < 0:  # an attempt before this one may have printed, too
            before = log_size(redis, job_id)
            self._note(before, sent)
        for start, content in pieces:
            append_log(redis, job_id, content, offset=before + start, ttl=ttl)
            self._note(before, start + len(content))

    def _read(self, start: int, end: int) -> bytes:
        return b"".join(self._memory[_STATE.size + a : _STATE.size + b] for a, b in places(start, end))

    def _note(self, before: int, sent: int) -> None:
        with self._lock:
            _STATE.pack_into(self._memory, 0, before, self._state()[1], sent)

    def _state(self) -> tuple[int, int, int]:
        before, printed, sent = _STATE.unpack_from(self._memory)
        return before, printed, sent
