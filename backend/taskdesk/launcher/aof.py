"""Redis's file after a crash: a transaction that lacks its end is dropped as a whole."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

# Anything but an end that came too early. Redis itself refuses that, and says what to do.
_DAMAGED = re.compile(r"Expected prefix|Unexpected|got: (?!00|0d00)")
_CUT = re.compile(r"from \d+ bytes, with (\d+) bytes")


def mend_aof(server: str, folder: Path) -> int:
    """Drop the last transaction from the file of a stopped Redis 6 if its end is missing; how many bytes that were.

    Redis 6 would leave the first half of it in the file, and do that half at its next start but one: a job is then in
    two states, say. Redis 7 does not, and has another file. `server` is redis-server.
    """
    file = folder / "appendonly.aof"
    if not file.exists() or _DAMAGED.search(_check(server, str(file))):
        return 0
    cut = _CUT.search(_check(server, "--fix", str(file)))
    return int(cut[1]) if cut else 0


def _check(server: str, *arguments: str) -> str:
    """What the checker says, which is redis-server under another name; it may ask whether it is to cut."""
    command = ["redis-check-aof", *arguments]
    return subprocess.run(command, executable=server, input="y\n", capture_output=True, text=True, check=False).stdout
