"""Put back what a job has changed in libraries that keep a state of the process. None of them is imported here."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from functools import partial
from types import ModuleType
from typing import Any

from taskdesk.worker.child.changes import Attribute, Watched


class LibraryState:
    def __init__(self) -> None:
        self._has_figures = bool(_figures())  # of a module of tasks
        self._rc = dict.copy(_rc()) if _rc() else None  # None: matplotlib is not imported yet
        self._start_method = _start_method()
        if multiprocessing := sys.modules.get("multiprocessing"):  # so that the supervisor knows whose they are
            multiprocessing.current_process()._config["semprefix"] = f"/mp-{os.getpid()}"

    def watched(self) -> Watched:
        attributes: list[Attribute] = []
        functions: list[Callable[[], Any]] = [sys.modules.__len__]  # what a job imports may have a state of its own
        if rc := _rc():
            functions += [partial(dict.__eq__, rc, self._rc), _figures]
        if multiprocessing := sys.modules.get("multiprocessing"):
            attributes.append((multiprocessing.context._default_context, "_actual_context"))
            functions.append(multiprocessing.current_process()._config.copy)
        if forkserver := sys.modules.get("multiprocessing.forkserver"):
            attributes.append((forkserver._forkserver, "_forkserver_pid"))
        return Watched(attributes, functions)

    def restore(self) -> bool:
        """Return False if the next job needs a new process."""
        self._restore_rc()
        figures = _figures()
        if figures:
            sys.modules["matplotlib.pyplot"].close("all")
        # A figure that all jobs share is drawn on by one of them.
        return not (self._has_figures and figures) and self._restore_multiprocessing()

    def _restore_rc(self) -> None:
        rc = _rc()
        if not rc:
            return
        if self._rc is None:
            self._rc = dict.copy(sys.modules["matplotlib"].rcParamsOrig)
        self._rc["backend"] = dict.__getitem__(rc, "backend")  # to change it again would close figures
        if not dict.__eq__(rc, self._rc):
            dict.update(rc, self._rc)

    def _restore_multiprocessing(self) -> bool:
        multiprocessing = sys.modules.get("multiprocessing")
        if not multiprocessing:
            return True
        if _start_method() != self._start_method:
            multiprocessing.set_start_method(self._start_method, force=True)
        multiprocessing.current_process()._config.pop("tempdir", None)  # it was in the folder that is emptied
        return not _has("multiprocessing.forkserver", "_forkserver", "_forkserver_pid")


def _has(module: str, *names: str) -> bool:
    """Return True if the module was imported, and this attribute of an attribute of it is set."""
    value: Any = sys.modules.get(module)
    for name in names:
        value = getattr(value, name, None)
    return value is not None


def _figures() -> list[int]:
    pyplot: Any = sys.modules.get("matplotlib.pyplot")
    return pyplot.get_fignums() if hasattr(pyplot, "get_fignums") else []  # its import may have failed


def _rc() -> Any:
    return getattr(sys.modules.get("matplotlib"), "rcParams", None)


def _start_method() -> str | None:
    multiprocessing: ModuleType | None = sys.modules.get("multiprocessing")
    return multiprocessing.get_start_method(allow_none=True) if multiprocessing else None
