"""Scripts that run in Redis: each is one atomic step, whoever calls it and however often.

They stand in a folder `lua/` beside the code that calls them, and say there what they take and answer.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from redis import Redis
from redis.exceptions import NoScriptError


class Script:
    """These files, one after the other."""

    def __init__(self, *files: Path):
        self.source = "".join(file.read_text() for file in files)
        self.sha = hashlib.sha1(self.source.encode(), usedforsecurity=False).hexdigest()

    def __call__(self, redis: Redis, *arguments: Any, keys: Sequence[str] = ()) -> Any:
        """Run it. Redis may have forgotten the script; then it is sent again."""
        try:
            return redis.evalsha(self.sha, len(keys), *keys, *arguments)
        except NoScriptError:
            return redis.eval(self.source, len(keys), *keys, *arguments)


_FOLDER = Path(__file__).parent / "lua"
INDEX = _FOLDER / "index.lua"  # what every script that moves a job from one status to another begins with
INDEXING = _FOLDER / "indexing.lua"  # and what those go on with that index it anew
ALWAYS = _FOLDER / "always.lua"  # what a script begins with that has to work while Redis is full
ALWAYS_RUN = Script(ALWAYS, _FOLDER / "command.lua")  # any one command
_BYTES = _FOLDER / "bytes.lua"
SUBMIT = Script(INDEX, _BYTES, _FOLDER / "submit.lua")
CANCEL = Script(ALWAYS, INDEX, INDEXING, _FOLDER / "queue.lua", _FOLDER / "cancel.lua")
DELETE = Script(ALWAYS, INDEX, INDEXING, _BYTES, _FOLDER / "queue.lua", _FOLDER / "delete.lua")
KEEP = Script(ALWAYS, INDEX, _FOLDER / "keep.lua")
ENTRIES = Script(_FOLDER / "entries.lua")
REINDEX = Script(INDEX, INDEXING, _FOLDER / "reindex.lua")
OWNERS = Script(ALWAYS, INDEX, _BYTES, _FOLDER / "owners.lua")
NAMED_INDEXES = Script(_FOLDER / "indexes.lua")
