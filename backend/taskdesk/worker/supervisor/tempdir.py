"""A worker's folder for temporary files, and the removal of those whose worker was killed."""

from __future__ import annotations

import fcntl
import os
import shutil
import tempfile
from contextlib import suppress
from pathlib import Path

_PREFIX = "taskdesk-"
_LOCK_GRACE_SECONDS = 60  # for the owner of a new folder to lock it


def own_folder() -> Path:
    """Make a folder that is ours as long as this process, or one that it has forked, lives."""
    own = Path(tempfile.mkdtemp(prefix=_PREFIX))
    fcntl.flock(os.open(own, os.O_RDONLY), fcntl.LOCK_EX)  # the kernel gives the lock back when all have ended
    now = own.stat().st_ctime  # as the file system has it: it may not be our clock
    for folder in Path(tempfile.gettempdir()).glob(f"{_PREFIX}*"):
        _remove_if_left(folder, now)
    return own


def _remove_if_left(folder: Path, now: float) -> None:
    with suppress(OSError):
        if now - folder.stat().st_ctime < _LOCK_GRACE_SECONDS:
            return
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            shutil.rmtree(folder, ignore_errors=True)
        finally:
            os.close(descriptor)
