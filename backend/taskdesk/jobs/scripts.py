"""Scripts that run in Redis: each is one atomic step, whoever calls it and however often.

They stand in a folder `lua/` beside the code that calls them. A script says in its first lines what it does, which
other files it includes, what it takes (KEYS, ARGV) and what it answers. Files of `jobs/lua` can be included by all
scripts.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from redis import Redis
from redis.exceptions import NoScriptError

from taskdesk.jobs.prelude import with_prelude

_FOLDER = Path(__file__).parent / "lua"
_INCLUDE = re.compile(r"^--- @include (.+)$", re.MULTILINE)


def included_by(source: str) -> list[str]:
    """Return the names that a script includes, in order."""
    return [name.strip() for line in _INCLUDE.findall(source) for name in line.split(",")]


class Script:
    """A file after all that it includes, with the names that Python defines for it (prelude.py)."""

    def __init__(self, file: Path, constants: Mapping[str, Any] | None = None):
        self.source = with_prelude("\n".join(_read(file, [])), constants or {})
        self.sha = hashlib.sha1(self.source.encode(), usedforsecurity=False).hexdigest()

    def __call__(self, redis: Redis, *arguments: Any, keys: Sequence[str] = ()) -> Any:
        """Run it. Redis may have forgotten the script; then it is sent again."""
        try:
            return redis.evalsha(self.sha, len(keys), *keys, *arguments)
        except NoScriptError:
            return redis.eval(self.source, len(keys), *keys, *arguments)


def _read(file: Path, seen: list[Path]) -> list[str]:
    """Return the texts of the files that this one includes, each once, and its own at the end."""
    seen.append(file)
    text = file.read_text()
    texts: list[str] = []
    for name in included_by(text):
        other = find(name, file.parent)
        if other not in seen:
            texts += _read(other, seen)
    return [*texts, text]


def find(name: str, folder: Path) -> Path:
    """Return the file of this name in the folder, else in jobs/lua."""
    own = folder / f"{name}.lua"
    return own if own.exists() else _FOLDER / f"{name}.lua"


ALWAYS_RUN = Script(_FOLDER / "command.lua")  # one command, although Redis is full
SUBMIT = Script(_FOLDER / "submit.lua")
SUBMIT_RETRY = Script(_FOLDER / "submit_retry.lua")
SUBMIT_FIRST_RETRY = Script(_FOLDER / "submit_first_retry.lua")
READY = Script(_FOLDER / "ready.lua")
CANCEL_JOBS = Script(_FOLDER / "cancel.lua")
DELETE_JOBS = Script(_FOLDER / "delete.lua")
KEEP_JOBS = Script(_FOLDER / "keep.lua")
UNKEEP_JOBS = Script(_FOLDER / "unkeep.lua")
ENQUEUE_NOW = Script(_FOLDER / "enqueue_now.lua")
MOVE_JOBS = Script(_FOLDER / "move.lua")
RESCHEDULE_JOBS = Script(_FOLDER / "reschedule.lua")
FREE_SLOT = Script(_FOLDER / "free_slot.lua")
TIDY_LIMIT = Script(_FOLDER / "tidy_limit.lua")
COUNT_SLOT_WAITERS = Script(_FOLDER / "count_slot_waiters.lua")
EXPIRE = Script(_FOLDER / "expire.lua")
COUNT_FAILURES = Script(_FOLDER / "count_failures.lua")
CHANGE_CAUSE = Script(_FOLDER / "change_cause.lua")
ENTRIES = Script(_FOLDER / "entries.lua")
REINDEX = Script(_FOLDER / "reindex.lua")
LOOK = Script(_FOLDER / "look.lua")
ADMIT = Script(_FOLDER / "admit.lua")
FIND_ENDED = Script(_FOLDER / "find_ended.lua")
OWNERS = Script(_FOLDER / "owners.lua")
NAMED_INDEXES = Script(_FOLDER / "indexes.lua")
TICK_ALONE = Script(_FOLDER / "tick_alone.lua")
FIRE = Script(_FOLDER / "fire.lua")
HOLD_SCHEDULE = Script(_FOLDER / "hold_schedule.lua")
SAVE_SCHEDULE = Script(_FOLDER / "save_schedule.lua")
DELETE_SCHEDULE = Script(_FOLDER / "delete_schedule.lua")
