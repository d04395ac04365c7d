"""Remove the shared memory of a job that was killed: it outlives the processes, and its libraries can't remove it.

Only what is surely the job's is removed: loky and joblib name what they make after the process, and a child makes
multiprocessing do the same. See child/library_state.py.
"""

from __future__ import annotations

import os
import shutil
from contextlib import suppress

_FOLDER = "/dev/shm"  # Linux
_NAMES = ("sem.mp-{}-", "sem.loky-{}-", "joblib_memmapping_folder_{}_")


def remove_shared_memory(pid: int, since: float) -> None:
    """Remove what this process has made. It is a zombie: no other has its id. `since`: its start (Unix time)."""
    names = tuple(name.format(pid) for name in _NAMES)
    with suppress(OSError), os.scandir(_FOLDER) as entries:
        for entry in entries:
            if entry.name.startswith(names):
                _remove(entry, since)


def _remove(entry: os.DirEntry[str], since: float) -> None:
    with suppress(OSError):
        found = entry.stat(follow_symlinks=False)
        if found.st_uid != os.getuid() or found.st_ctime < since - 1:  # of another container with the same id
            return
        if entry.is_dir(follow_symlinks=False):
            shutil.rmtree(entry.path, ignore_errors=True)
        else:
            os.unlink(entry.path)
