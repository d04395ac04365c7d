"""Limits of a job: time, memory, CPU time, size of a file. A job over one fails with a sentence that names it."""

from __future__ import annotations

import errno
import math
import resource
import signal
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from types import FrameType

from rq.timeouts import JobTimeoutException

from taskdesk.jobs.task import TaskOptions
from taskdesk.service import clock
from taskdesk.service.errors import AppError
from taskdesk.worker.failure import OverLimit
from taskdesk.worker.process_memory import MB, address_space
from taskdesk.worker.settings import WorkerSettings

_UNLIMITED = nullcontext()
_EARLY_SECONDS = 0.1  # that the alarm of the time limit may come too early, by another clock


@dataclass(frozen=True)
class ResourceLimits:
    """Limits of one task; 0 is no limit. Memory and file size in MB, CPU time in seconds."""

    memory: int
    cpu: int
    file_size: int

    @classmethod
    def of(cls, options: TaskOptions, settings: WorkerSettings) -> ResourceLimits:
        return cls(
            memory=settings.job_memory if options.memory is None else options.memory,
            cpu=settings.job_cpu if options.cpu is None else options.cpu,
            file_size=settings.job_file_size if options.file_size is None else options.file_size,
        )

    def applied(self) -> AbstractContextManager[None]:
        """Return a context in which these limits hold. It raises OverLimit."""
        return self._applied() if self.memory or self.cpu or self.file_size else _UNLIMITED

    @contextmanager
    def _applied(self) -> Iterator[None]:
        soft = self._soft()
        try:
            for kind, limit in soft.items():
                _set_soft(kind, limit)
            yield
        except MemoryError:
            if not self.memory:
                raise
            raise OverLimit(f"The job needs more than the {self.memory} MB of memory that it may use.") from None
        except OSError as error:
            if error.errno != errno.EFBIG or not self.file_size:
                raise
            raise OverLimit(f"The job wrote a file larger than the {self.file_size} MB that it may.") from None
        finally:
            for kind in soft:
                _set_soft(kind, resource.RLIM_INFINITY)

    def _soft(self) -> dict[int, int]:
        soft = {}
        if self.memory:
            soft[resource.RLIMIT_AS] = address_space() + self.memory * MB
        if self.cpu:
            usage = resource.getrusage(resource.RUSAGE_SELF)
            soft[resource.RLIMIT_CPU] = math.ceil(usage.ru_utime + usage.ru_stime) + self.cpu
        if self.file_size:
            soft[resource.RLIMIT_FSIZE] = self.file_size * MB
        return soft


def _set_soft(kind: int, limit: int) -> None:
    hard = resource.getrlimit(kind)[1]
    known = [value for value in (limit, hard) if value != resource.RLIM_INFINITY]
    resource.setrlimit(kind, (min(known, default=resource.RLIM_INFINITY), hard))


class OwnAlarm(AppError):
    """Alarm: the task has set one, and has no handler for it."""


class TimeLimit:
    """Raises JobTimeoutException in a job whose time is up, OverLimit when its CPU time is, and OwnAlarm.

    A process has one alarm. A task that sets its own has taken that of the time limit; it is set again after that.
    """

    def __init__(self) -> None:
        self._seconds, self._deadline = 0, math.inf

    def install(self) -> None:
        """Install the handlers of the signals."""
        signal.signal(signal.SIGALRM, self._out_of_time)
        signal.signal(signal.SIGXCPU, self._out_of_cpu)

    def set(self, seconds: int) -> None:
        """Start the clock; below 1 is no limit."""
        self._seconds = seconds
        self._deadline = clock.monotonic() + seconds if seconds > 0 else math.inf
        signal.setitimer(signal.ITIMER_REAL, max(0, seconds))

    def unset(self) -> None:
        signal.setitimer(signal.ITIMER_REAL, 0)

    def _out_of_time(self, signum: int, frame: FrameType | None) -> None:
        left = self._deadline - clock.monotonic()
        if left > _EARLY_SECONDS:
            signal.setitimer(signal.ITIMER_REAL, left if math.isfinite(left) else 0)
            raise OwnAlarm("The task's own signal.alarm() or signal.setitimer() went off, and it has no handler.")
        raise JobTimeoutException(f"Task exceeded maximum timeout value ({self._seconds} seconds)")

    def _out_of_cpu(self, signum: int, frame: FrameType | None) -> None:
        raise OverLimit("The job used more CPU time than it may.")
