"""Repair Redis's append-only file after a crash: drop a last transaction that has no end."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

import hiredis

_VALID_BYTES = re.compile(r"ok_up_to=(\d+)")


def mend_aof(server: str, folder: Path) -> int:
    """Drop the last transaction from the file of a stopped Redis 6 if its end is missing. Return the dropped bytes.

    Redis 6 would keep the first half of the transaction in the file, and run it at its next start but one, which can
    leave a job in two states. Redis 7 does not, and has another file. A file with any other damage is left alone: the
    server refuses it, and says what to do. `server` is the path of redis-server or valkey-server.
    """
    file = folder / "appendonly.aof"
    if not file.exists():
        return 0
    with file.open("r+b") as aof:
        size, valid = os.fstat(aof.fileno()).st_size, _valid_bytes(server, file)
        aof.seek(valid)
        if valid == size or not _is_cut_short(aof.read()):
            return 0
        aof.truncate(valid)
    return size - valid


def _valid_bytes(server: str, file: Path) -> int:
    """Return how many bytes from the start hold whole commands and transactions, as the server's own checker says.

    A server is its own checker if it is called by a name that contains redis-check-aof, or valkey-check-aof for Valkey.
    """
    command = ["redis-check-aof+valkey-check-aof", str(file)]
    answer = subprocess.run(command, executable=server, stdin=subprocess.DEVNULL, capture_output=True, text=True)
    valid = _VALID_BYTES.search(answer.stdout)
    return int(valid[1]) if valid else file.stat().st_size


def _is_cut_short(tail: bytes) -> bool:
    """Return True if these bytes are the beginning of one transaction or command. Zeros may follow, after a crash."""
    reader = hiredis.Reader()  # commands in the file have the form of answers
    reader.feed(tail.rstrip(b"\0"))
    try:
        commands = list(iter(reader.gets, False))  # it gives False where something is missing
    except hiredis.ProtocolError:
        return False
    names = [command[0] for command in commands if isinstance(command, list) and command]
    return len(names) == len(commands) and not {b"MULTI", b"EXEC"} & {*names[1:]}
