"""A schedule as Redis has it: what it says, how far it has come, and its last slots.

Fields of its hash:

definition   JSON: see definition.py
revision     how often it was changed: a change, or a slot, that was worked out from an older one does nothing
settled      every slot up to this Unix time has run or was skipped
next         the next slot (Unix), or "inf": there is none, or the schedule is paused
jobs         ids of its jobs that had not ended, with spaces between
held         why the slot that is due waits, for people; empty if it does not
pause        JSON: reason, by, at; empty if it is not paused
made         JSON: origin, owner, created_at, secrets (the parameters that no answer shows)
"""

from __future__ import annotations

import json
import re
import secrets
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any, NamedTuple

from taskdesk.jobs.job_id import ID_CHARACTERS
from taskdesk.jobs.schedules.definition import Definition
from taskdesk.jobs.schedules.plan import Planned, plan
from taskdesk.jobs.status import Status

MADE, CODE = "made", "code"  # origins: on the page, by the API or the command line; by @task
CODE_PREFIX = "code-"  # of the ids of schedules in code
MAX_ID = 60  # characters
NEVER = "inf"
TAG = "schedule:"  # each job of a schedule has the tag "schedule:<id>"
_ID = re.compile(f"{ID_CHARACTERS}{{1,{MAX_ID}}}")


class Pause(NamedTuple):
    reason: str
    by: str
    at: str


@dataclass(frozen=True)
class Schedule:
    """`settled` and `revision` are as Redis has them, for scripts that compare them."""

    id: str
    definition: Definition
    revision: str
    settled: str
    next: int | None
    jobs: tuple[str, ...] = ()
    held: str = ""
    pause: Pause | None = None
    origin: str = MADE
    owner: str = ""
    created_at: str = ""
    secrets: frozenset[str] = frozenset()

    @property
    def tag(self) -> str:
        return TAG + self.id

    @property
    def is_code(self) -> bool:
        return self.origin == CODE

    def job_id(self, slot: int) -> str:
        """Return the id of the job of a slot, the same for everybody who fires it."""
        return f"{self.id}-{datetime.fromtimestamp(slot, UTC):%Y%m%dT%H%M%SZ}"

    def plan(self, now: float) -> list[Planned]:
        """Return the slots that are due and not settled."""
        one = self.definition
        return plan(one.timing, one.missed, one.missed_within, float(self.settled), now)

    def settled_to(self, slot: int) -> Schedule:
        """Return the schedule after a slot."""
        return replace(self, settled=str(slot), jobs=(*self.jobs, self.job_id(slot)))

    def due(self, slot: int) -> int:
        """Return when the job of a slot is queued: with jitter, a little later, the same for everybody."""
        return slot + zlib.crc32(f"{self.id} {slot}".encode()) % (self.definition.jitter + 1)


class Slot(NamedTuple):
    """A slot that is over. `skip`: why it was skipped, with its detail; else `status` is that of its job.

    `status` is None if the job is no longer kept.
    """

    slot: int
    job_id: str = ""
    status: Status | None = None
    skip: str = ""
    detail: str = ""


def read_schedule(schedule_id: str, fields: Mapping[bytes, bytes]) -> Schedule:
    """Return the schedule of a hash. Raises an error of DAMAGE."""
    made, pause = json.loads(fields[b"made"]), fields.get(b"pause") or b""
    due = fields[b"next"].decode()
    return Schedule(
        schedule_id,
        Definition.of(json.loads(fields[b"definition"])),
        fields[b"revision"].decode(),
        fields[b"settled"].decode(),
        None if due == NEVER else int(due),
        tuple(fields.get(b"jobs", b"").decode().split()),
        fields.get(b"held", b"").decode(),
        Pause(**json.loads(pause)) if pause else None,
        made["origin"],
        made["owner"],
        made["created_at"],
        frozenset(made["secrets"]),
    )


def made_json(origin: str, owner: str, created_at: str, secret: frozenset[str] | set[str]) -> str:
    fields: dict[str, Any] = {"origin": origin, "owner": owner, "created_at": created_at, "secrets": sorted(secret)}
    return json.dumps(fields)


def is_schedule_id(text: str) -> bool:
    return bool(_ID.fullmatch(text))


def new_schedule_id() -> str:
    return secrets.token_hex(6)


def code_id(task: str) -> str:
    """Return the id of the schedule that a task declares."""
    if is_schedule_id(CODE_PREFIX + task):
        return CODE_PREFIX + task
    return f"{CODE_PREFIX}{zlib.crc32(task.encode()):08x}"
