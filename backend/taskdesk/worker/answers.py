"""Words and numbers in the answers of the worker's scripts, for both ends: scripts.py hands them to Lua."""

from __future__ import annotations

from enum import IntEnum, StrEnum


class Previous(IntEnum):
    """cycle.lua, about the job that has succeeded.

    ENDED: it is ended, or there was none. NOT_OURS: the execution was no longer the job's own. NEEDS_RQ: nothing was
    done, because only RQ's own code can end the job, or because a user has stopped it.
    """

    ENDED = 1
    NOT_OURS = 0
    NEEDS_RQ = -1


class Next(StrEnum):
    """cycle.lua, about the next job.

    JOB: here it is. NONE: the queues are empty, or the worker takes no more. SUSPENDED: `rq suspend` holds all workers.
    PAUSED: some queues are paused, and the others empty. AGAIN: entries without a job were passed over; ask again.
    """

    JOB = "job"
    NONE = "none"
    SUSPENDED = "suspended"
    PAUSED = "paused"
    AGAIN = "again"


class Order(StrEnum):
    """heartbeat.lua, about the running job. DROP: it is no longer this worker's."""

    GO_ON = "go on"
    STOP = "stop"
    DROP = "drop"


class Tick(IntEnum):
    """tick.lua, about the next tick. SELDOM: another worker schedules. OFTEN: this one does. AT_ONCE: more is due."""

    SELDOM = 0
    OFTEN = 1
    AT_ONCE = 2
