"""Where a process writes what it logs and prints."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from jobkit.errors import SettingsError


def log_to_file(folder: str, role: str) -> None:
    """Let this process and its children write to `<folder>/<role>.log` instead of stdout and stderr; without a folder
    nothing changes. Lines are appended, so another program may empty the file (logrotate's copytruncate).

    Raises SystemExit with status 2 if the file can't be opened.
    """
    if not folder:
        return
    try:
        Path(folder).mkdir(parents=True, exist_ok=True)
        with Path(folder, f"{role}.log").open("ab") as file:
            for stream in (sys.stdout, sys.stderr):
                os.dup2(file.fileno(), stream.fileno())
    except OSError as error:
        print(SettingsError([f"LOG_DIR can't be used: {error}."]), file=sys.stderr)
        raise SystemExit(2) from None
    sys.stdout.reconfigure(line_buffering=True)  # type: ignore[union-attr]
