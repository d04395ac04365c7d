"""The folder in which each web process keeps what it has counted, in files that it maps into its memory.

prometheus_client looks for PROMETHEUS_MULTIPROC_DIR when it is imported, so this module must not import it.
"""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

_VARIABLE = "PROMETHEUS_MULTIPROC_DIR"


def make_folder() -> tempfile.TemporaryDirectory[str]:
    """Create the folder of this program's processes. It is deleted when the result is, or when the program exits.

    It lies in memory if possible, away from uploads: when its disk is full, a process that writes to a mapped file is
    killed (SIGBUS).
    """
    memory = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
    prefix = f"taskdesk-metrics-{os.getpid()}-"
    folder = tempfile.TemporaryDirectory(prefix=prefix, dir=memory, ignore_cleanup_errors=True)
    os.environ[_VARIABLE] = folder.name
    return folder


def find_folder() -> Path | None:
    """Return the folder; None if there is none, or if something that cleans /tmp has deleted it."""
    name = os.environ.get(_VARIABLE)
    return Path(name) if name and os.path.isdir(name) else None


def delete_gauges_of_dead_processes(folder: Path) -> None:
    """A process that has ended has nothing open. Its counters stay: without them the sums would fall."""
    for path in folder.glob("gauge_live*.db"):
        try:
            os.kill(int(path.stem.rpartition("_")[2]), 0)
        except ProcessLookupError:
            path.unlink(missing_ok=True)
