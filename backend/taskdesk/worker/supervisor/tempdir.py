"""A worker's folder for temporary files, and the removal of those whose worker was killed."""

from __future__ import annotations

import fcntl
import os
import shutil
import tempfile
from contextlib import suppress
from pathlib import Path
from weakref import finalize

_PREFIX = "taskdesk-"
_LOCK_GRACE_SECONDS = 60  # for the owner of a new folder to lock it


class OwnFolder:
    """A folder that is ours as long as this process, or one that it has forked, lives."""

    def __init__(self) -> None:
        self.path = Path(tempfile.mkdtemp(prefix=_PREFIX))
        descriptor = os.open(self.path, os.O_RDONLY)
        self._close = finalize(self, os.close, descriptor)
        fcntl.flock(descriptor, fcntl.LOCK_EX)  # the kernel unlocks it when the last of these processes has ended
        now = self.path.stat().st_ctime  # the clock of the file system may not be ours
        for folder in Path(tempfile.gettempdir()).glob(f"{_PREFIX}*"):
            _remove_if_left(folder, now)

    def remove(self) -> None:
        shutil.rmtree(self.path, ignore_errors=True)
        self._close()


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
