"""Give each job the process as it was before the last one: folders, output, signals."""

from __future__ import annotations

import logging
import os
import shutil
import sys
import tempfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from taskdesk.worker.child.capture import capture_output
from taskdesk.worker.child.progress_reporter import Reporter

SHORT_JOB_SECONDS = 0.001  # to install the signal handlers again would double the time of a shorter job

log = logging.getLogger("worker")


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
        """Use `folder` for temporary files, and copy output to the job's log. `as_log`: see Tee.

        `show_life` is called while files are removed: a job may leave millions.
        """
        self.is_dirty = False
        self._show_life = show_life
        self._folder = str(folder)
        self._take_signals = take_signals
        self._pid = os.getpid()
        self._working_folder = os.getcwd()
        self._streams = capture_output(reporter, as_log=as_log)
        self._make_folder()
        take_signals()

    def end_copy(self) -> None:
        """End this process if it is a copy that the job has forked, and that has returned from the task as well."""
        if os.getpid() != self._pid:
            os._exit(1)

    def restore(self, seconds: float) -> None:
        """Restore the process after a job that took so many seconds.

        If that fails, `is_dirty` becomes True: the next job needs a new process.
        """
        sys.stdout, sys.stderr = self._streams
        for stream in self._streams:
            stream.end_line()
        if logging.root.manager.disable:
            logging.disable(logging.NOTSET)
        tempfile.tempdir = self._folder
        try:
            if seconds > SHORT_JOB_SECONDS:
                self._take_signals()
            self._restore_folders()
        except OSError as error:
            log.error("the changes of a job can't be undone, so another process runs the next one: %s", error)
            self.is_dirty = True

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
