"""What a job may change in its process, and how each of these is put back: the table `PARTS`.

All jobs pay for reading the parts, so each is read by one function that is written in C.
"""

from __future__ import annotations

import _signal  # type: ignore[import-not-found]
import ctypes
import gc
import locale
import logging
import os
import resource
import signal
import socket
import sys
import threading
import time
import warnings
from collections.abc import Callable
from functools import partial
from operator import attrgetter
from typing import Any, NamedTuple

from taskdesk.worker.child.changes import Attribute, Watched, copy_of

_SIGNALS = [number for number in signal.valid_signals() if number < getattr(signal, "SIGRTMIN", signal.NSIG)]
_getsignal, _set_mask = _signal.getsignal, _signal.pthread_sigmask  # those of `signal` make enums: 30 µs for all
_RESOURCES = [kind for name, kind in vars(resource).items() if name.startswith("RLIMIT_")]
_TIME_ZONE = ("tzname", "timezone", "altzone")
_time_zone = partial(attrgetter(*_TIME_ZONE), time)
_HOOKS = ("excepthook", "unraisablehook", "displayhook", "breakpointhook", "stdin")


class Part(NamedTuple):
    """`read` returns the value now, `write` puts back the one that was read before the first job.

    `attributes`: owners and names of what a change can be seen by, if that is cheaper than to read.
    """

    read: Callable[[], Any]
    write: Callable[[Any], object]
    attributes: tuple[Attribute, ...] = ()


def _attributes(owner: Any, *names: str) -> Part:
    """Return attributes of a module as one part. A list stays the same object."""
    lists = {name: value for name in names if type(value := getattr(owner, name)) is list}

    def write(values: Any) -> None:
        for name, value in zip(names, values if len(names) > 1 else [values], strict=True):
            if name in lists:
                lists[name][:] = value
            setattr(owner, name, lists.get(name, value))

    return Part(partial(attrgetter(*names), owner), write, tuple((owner, name) for name in names))


class _Environment:
    """The variables of this process. `changes`: how often one was set or removed."""

    def __init__(self) -> None:
        self.changes = 0

    def watch(self) -> None:
        """Count each change from now on: to compare all variables after each job would take longer."""
        variables: Any = type(os.environ)
        variables.__setitem__ = self._counting(variables.__setitem__)
        variables.__delitem__ = self._counting(variables.__delitem__)

    def _counting(self, change: Callable[..., None]) -> Callable[..., None]:
        def count(*arguments: Any) -> None:
            self.changes += 1
            change(*arguments)

        return count


def _set_environment(saved: dict[bytes, bytes]) -> None:
    names = saved.keys() | os.environb.keys()
    changed = {name for name in names if os.environb.get(name) != saved.get(name)}
    for name in changed:
        if name in saved:
            os.environb[name] = saved[name]
        else:
            del os.environb[name]
    if b"TZ" in changed:
        time.tzset()


def _set_signals(handlers: list[Any]) -> None:
    for timer in (signal.ITIMER_VIRTUAL, signal.ITIMER_PROF):  # its signal would end the process
        signal.setitimer(timer, 0)
    for number, handler in zip(_SIGNALS, handlers, strict=True):
        if handler is not None and _getsignal(number) != handler:  # None: C code has set it
            signal.signal(number, handler)


def _set_showwarning(saved: Any) -> None:
    logging.captureWarnings(False)
    warnings.showwarning = saved


def _set_limits(limits: list[tuple[int, int]]) -> None:
    for kind, limit in zip(_RESOURCES, limits, strict=True):
        if resource.getrlimit(kind) != limit:
            resource.setrlimit(kind, limit)


_read_locale = ctypes.CDLL(None).setlocale  # that of `locale` asks for six values: 1.4 instead of 0.3 µs
_read_locale.restype = ctypes.c_char_p


_environment = _Environment()

# In the order in which they are put back. The time zone comes after the environment, which names it.
PARTS = [
    _attributes(os, "environ", "environb"),
    Part(partial(attrgetter("_data"), os.environb), _set_environment, ((_environment, "changes"),)),
    Part(_time_zone, lambda saved: time.tzset(), tuple((time, name) for name in _TIME_ZONE)),
    Part(partial(_read_locale, locale.LC_ALL, None), lambda saved: locale.setlocale(locale.LC_ALL, saved.decode())),
    Part(lambda: list(map(_getsignal, _SIGNALS)), _set_signals),
    _attributes(sys, "path", "argv", *_HOOKS),
    _attributes(threading, "excepthook"),
    Part(partial(vars(sys).get, "tracebacklimit", 1000), lambda saved: setattr(sys, "tracebacklimit", saved)),
    Part(sys.getswitchinterval, sys.setswitchinterval),
    Part(sys.get_int_max_str_digits, sys.set_int_max_str_digits),
    Part(sys.gettrace, sys.settrace),
    Part(sys.getprofile, sys.setprofile),
    Part(socket.getdefaulttimeout, socket.setdefaulttimeout),
    Part(gc.isenabled, lambda saved: gc.enable() if saved else gc.disable()),
    Part(gc.get_threshold, lambda saved: gc.set_threshold(*saved)),
    Part(partial(attrgetter("showwarning"), warnings), _set_showwarning, ((warnings, "showwarning"),)),
    Part(logging.getLogRecordFactory, logging.setLogRecordFactory, ((logging, "_logRecordFactory"),)),
    Part(logging.getLoggerClass, logging.setLoggerClass, ((logging, "_loggerClass"),)),
]
# To read these takes longer: they are not read after a short job, unless something else has changed.
SYSTEM_PARTS = [
    Part(lambda: [resource.getrlimit(kind) for kind in _RESOURCES], _set_limits),
    Part(lambda: os.getpriority(os.PRIO_PROCESS, 0), lambda saved: os.setpriority(os.PRIO_PROCESS, 0, saved)),
]
if sys.platform == "linux":
    SYSTEM_PARTS.append(Part(lambda: os.sched_getaffinity(0), lambda saved: os.sched_setaffinity(0, saved)))


class ProcessState:
    """Restores all parts as they are now."""

    def __init__(self) -> None:
        _environment.watch()
        self._saved = [copy_of(part.read()) for part in PARTS]
        self._system = [part.read() for part in SYSTEM_PARTS]
        self._filters = warnings.filters[:]
        self._umask = os.umask(0o077)
        os.umask(self._umask)
        self._recursion_limit = sys.getrecursionlimit()

    def watched(self) -> Watched:
        attributes = [attribute for part in PARTS for attribute in part.attributes]
        return Watched(attributes, [part.read for part in PARTS if not part.attributes])

    def restore_first(self) -> None:
        """Restore what our own code needs to store the result: modes of files, and room on the stack."""
        os.umask(self._umask)
        sys.setrecursionlimit(self._recursion_limit)

    def restore_always(self) -> None:
        """Restore the signals that are blocked, and the filters of warnings. The next job is warned again."""
        _set_mask(signal.SIG_SETMASK, ())
        warnings.resetwarnings()
        warnings.filters.extend(self._filters)  # type: ignore[attr-defined]

    def restore(self) -> None:
        """Restore the parts. Raises whatever a part raises that can't be put back."""
        _write(PARTS, self._saved)
        _write(SYSTEM_PARTS, self._system)


def _write(parts: list[Part], values: list[Any]) -> None:
    for part, saved in zip(parts, values, strict=True):
        if part.read() != saved:
            part.write(copy_of(saved))
