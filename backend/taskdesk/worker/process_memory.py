"""The memory of a process, as Linux counts it; 0 elsewhere, and for a process that has ended."""

from __future__ import annotations

import resource
from contextlib import suppress
from pathlib import Path

MB = 1 << 20


def address_space() -> int:
    """Return the bytes of this process's address space."""
    return _statm(0)


def resident_memory(pid: int | str = "self") -> int:
    """Return the bytes of a process that are in memory."""
    return _statm(1, pid)


def _statm(field: int, pid: int | str = "self") -> int:
    with suppress(OSError):
        return int(Path(f"/proc/{pid}/statm").read_bytes().split()[field]) * resource.getpagesize()
    return 0
