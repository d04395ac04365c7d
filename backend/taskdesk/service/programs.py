"""The programs `server.py`, `worker.py` and `dashboard.py`: in a clone in `backend/`, in the wheel in this package."""

from __future__ import annotations

import sys
from pathlib import Path

_PACKAGE = Path(__file__).resolve().parents[1]
_IN_WHEEL = _PACKAGE / "programs"  # pyproject.toml puts them there
PROGRAMS = _IN_WHEEL if _IN_WHEEL.is_dir() else _PACKAGE.parent


def command_of(program: str) -> list[str]:
    """Return the command that starts a program.

    Without -P, its folder would be on the import path, and hide an author's own `worker.py`.
    """
    return [sys.executable, "-P", str(PROGRAMS / f"{program}.py")]
