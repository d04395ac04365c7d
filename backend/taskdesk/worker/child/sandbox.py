"""The process as each job finds it: folders, output, signals. What a job has changed, the next one does not see."""

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
        """Make `folder` the one for temporary files; what is printed and logged is the job's log. `as_log`: see Tee.

        `show_life` is called while files are removed, of which a job may leave millions.
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
        """End this process if the job has forked it, and both have come back from the job."""
        if os.getpid() != self._pid:
            os._exit(1)

    def restore(self, seconds: float) -> None:
        """Put all back after a job that took so long. What can't be put back makes `is_dirty` true: for the next job
        another process is needed.
        """
        sys.stdout, sys.stderr = self._streams
        for stream in self._streams:
            stream.end_line()
        if logging.root.manager.disable:
            logging.disable(logging.NOTSET)
        tempfile.tempdir = self._folder
        try:
            if seconds > 0.001:  # it costs as much as the shortest jobs, which have other things to do
                self._take_signals()
            self._restore_folders()
        except OSError as error:
            log.error("what a job has changed can't be put back: %s", error)
            self.is_dirty = True

    def _restore_folders(self) -> None:
        os.chdir(self._working_folder)
        try:
            self._empty_folder()
        except FileNotFoundError:
            self._make_folder()

    def _make_folder(self) -> None:
        with suppress(FileNotFoundError):  # but there is something if a job has left what the supervisor can't remove
            os.rename(self._folder, f"{self._folder}-{os.getpid()}")
        os.makedirs(self._folder, mode=0o700, exist_ok=True)
        tempfile.tempdir = os.environ["TMPDIR"] = self._folder
        os.utime(self._folder, (0, 0))

    def _empty_folder(self) -> None:
        if os.stat(self._folder).st_mtime == 0:  # untouched since we set that
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
        """Remove what takes the time: shutil.rmtree shows no life, however many files there are."""
        with suppress(OSError):  # a folder that can't be read
            for _, _, files, descriptor in os.fwalk(folder):
                for name in files:
                    self._show_life()
                    with suppress(OSError):
                        os.unlink(name, dir_fd=descriptor)
