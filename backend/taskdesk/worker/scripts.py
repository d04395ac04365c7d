"""The transitions of a job that a worker makes, as scripts that run in Redis. They stand in `lua/`."""

from __future__ import annotations

from pathlib import Path

from taskdesk.jobs.scripts import ALWAYS, INDEX, INDEXING, Script

_FOLDER = Path(__file__).parent / "lua"
_COMMON = _FOLDER / "common.lua"
_ENDED, _ENDINGS = _FOLDER / "ended.lua", _FOLDER / "endings.lua"
_WANTED = _FOLDER / "wanted.lua"

CYCLE = Script(INDEX, _COMMON, _FOLDER / "cycle.lua")
ADOPT = Script(INDEX, INDEXING, _COMMON, _ENDED, _ENDINGS, _WANTED, _FOLDER / "adopt.lua", _FOLDER / "cycle.lua")
RELEASE = Script(ALWAYS, INDEX, INDEXING, _COMMON, _ENDED, _ENDINGS, _FOLDER / "release.lua")
BEAT = Script(ALWAYS, INDEX, _COMMON, _ENDED, _FOLDER / "beat.lua")
TICK = Script(ALWAYS, INDEX, INDEXING, _COMMON, _ENDED, _ENDINGS, _WANTED, _FOLDER / "tick.lua")
COUNT = Script(_ENDED, _FOLDER / "count.lua")
