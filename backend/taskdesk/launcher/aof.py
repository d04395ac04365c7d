"""Repair Redis's append-only file after a crash: drop a last transaction that has no end."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

# Damage other than a missing end. Redis itself refuses such a file, and says what to do.
_DAMAGED = re.compile(r"Expected prefix|Unexpected|got: (?!00|0d00)")
_CUT = re.compile(r"from \d+ bytes, with (\d+) bytes")


def mend_aof(server: str, folder: Path) -> int:
    """Drop the last transaction from the file of a stopped Redis 6 if its end is missing. Return the dropped bytes.

    Redis 6 would keep the first half of the transaction in the file, and run it at its next start but one, which can
    leave a job in two states. Redis 7 does not, and has another file. `server` is the path of redis-server.
    """
    file = folder / "appendonly.aof"
    if not file.exists() or _DAMAGED.search(_check(server, str(file))):
        return 0
    cut = _CUT.search(_check(server, "--fix", str(file)))
    return int(cut[1]) if cut else 0


def _check(server: str, *arguments: str) -> str:
    """Return what redis-check-aof prints. It is redis-server under another name; "y" answers its question."""
    command = ["redis-check-aof", *arguments]
    return subprocess.run(command, executable=server, input="y\n", capture_output=True, text=True, check=False).stdout
