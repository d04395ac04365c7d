"""The transitions of a job, as scripts that run in Redis: each is one atomic step, whoever calls it and however often.

They stand in `lua/`, and say there what they take and answer.
"""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

from redis import Redis

_FOLDER = Path(__file__).parent / "lua"


class Script:
    """The files of `lua/` with these names, one after the other."""

    def __init__(self, *names: str):
        self.source = "".join((_FOLDER / f"{name}.lua").read_text() for name in names)
        self.sha = hashlib.sha1(self.source.encode(), usedforsecurity=False).hexdigest()

    def __call__(self, redis: Redis, *arguments: Any) -> Any:
        """Run it. Redis may have forgotten the script; then it is sent again."""
        return redis.register_script(self.source)(args=arguments)


CYCLE = Script("common", "cycle")
RELEASE = Script("common", "endings", "release")
BEAT = Script("common", "beat")
TICK = Script("common", "endings", "tick")
