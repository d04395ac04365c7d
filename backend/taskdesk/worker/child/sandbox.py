"""Give each job the process as it was before the first one: folders, output, logging, signals, and what PARTS names."""

from __future__ import annotations

import logging
import os
import shutil
import tempfile
from collections.abc import Callable
from contextlib import suppress
from contextvars import copy_context
from decimal import setcontext
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from taskdesk.worker.child.capture import Capture
from taskdesk.worker.child.changes import Changes, Watched
from taskdesk.worker.child.job_threads import follow_jobs
from taskdesk.worker.child.library_state import LibraryState
from taskdesk.worker.child.logging_state import LoggingState
from taskdesk.worker.child.process_state import ProcessState
from taskdesk.worker.child.progress_reporter import Reporter

SHORT_JOB_SECONDS = 0.001  # after a shorter job, only what is cheap to read is looked at

log = logging.getLogger("worker")

_Answer = TypeVar("_Answer")


class Sandbox:
    def __init__(
        self,
        folder: Path,
        reporter: Reporter,
        take_signals: Callable[[], None],
        show_life: Callable[[], None],
        *,
        as_log: bool,
    ):
        """Use `folder` for temporary files, and copy output to the job's log. `as_log`: see capture.py.

        `show_life` is called while files are removed: a job may leave millions.
        """
        self.is_dirty = False
        self._show_life = show_life
        self._folder = str(folder)
        self._take_signals = take_signals
        self._pid = os.getpid()
        self._working_folder = os.getcwd()
        self._capture = Capture(reporter, as_log=as_log)
        self._make_folder()
        take_signals()
        follow_jobs()
        self._decimal = _decimal_context()
        self._process, self._logging, self._libraries = ProcessState(), LoggingState(), LibraryState()
        self._changes = self._watch()

    def run(self, work: Callable[..., _Answer], *arguments: Any) -> _Answer:
        """Do the work in a context of its own: what it sets there, such as the precision of decimals, ends with it."""
        context = copy_context()
        if self._decimal:
            context.run(setcontext, self._decimal.copy())
        return context.run(work, *arguments)

    def leave_task(self) -> None:
        """Restore what our own code needs after a task.

        End this process if it is a copy that the job has forked, and that has returned from the task as well.
        """
        if os.getpid() != self._pid:
            os._exit(1)
        self._process.restore_first()

    def restore(self, seconds: float) -> None:
        """Restore the process after a job that took so many seconds.

        If that fails, `is_dirty` becomes True: the next job needs a new process.
        """
        try:
            is_changed = self._changes.are_there()
            self._process.restore_always()
            if is_changed or seconds > SHORT_JOB_SECONDS:
                self._restore_all()
            if is_changed:
                self._changes = self._watch()
        except Exception as error:
            log.error("the changes of a job can't be undone, so another process runs the next one: %s", error)
            self.is_dirty = True

    def _watch(self) -> Changes:
        own = Watched([(tempfile, "tempdir")], [os.getcwd, partial(os.stat, self._folder)])
        states = self._capture, self._process, self._logging, self._libraries
        return Changes([own, *(state.watched() for state in states)])

    def _restore_all(self) -> None:
        self._capture.restore()
        tempfile.tempdir = self._folder
        self._process.restore()
        self._logging.restore()
        if not self._libraries.restore():
            self.is_dirty = True
        self._take_signals()
        self._restore_folders()

    def _restore_folders(self) -> None:
        os.chdir(self._working_folder)
        try:
            self._empty_folder()
        except FileNotFoundError:
            self._make_folder()

    def _make_folder(self) -> None:
        with suppress(FileNotFoundError):  # a job may have left files that nobody could remove
            os.rename(self._folder, f"{self._folder}-{os.getpid()}")
        os.makedirs(self._folder, mode=0o700, exist_ok=True)
        tempfile.tempdir = os.environ["TMPDIR"] = self._folder
        os.utime(self._folder, (0, 0))

    def _empty_folder(self) -> None:
        if os.stat(self._folder).st_mtime == 0:  # unchanged since we set this time
            return
        with os.scandir(self._folder) as entries:
            for entry in entries:
                self._show_life()
                if entry.is_dir(follow_symlinks=False):
                    self._remove_files(entry.path)
                    shutil.rmtree(entry.path, ignore_errors=True)
                else:
                    with suppress(OSError):
                        os.unlink(entry.path)
        os.utime(self._folder, (0, 0))

    def _remove_files(self, folder: str) -> None:
        """Remove the files, which take most of the time: shutil.rmtree shows no sign of life meanwhile."""
        with suppress(OSError):  # a folder that can't be read
            for _, _, files, descriptor in os.fwalk(folder):
                for name in files:
                    self._show_life()
                    with suppress(OSError):
                        os.unlink(name, dir_fd=descriptor)


def _decimal_context() -> Any:
    """Return a copy of the decimal context that all jobs would share, because a module of tasks has used it."""
    context = copy_context()
    return next((context[variable].copy() for variable in context if variable.name == "decimal_context"), None)
