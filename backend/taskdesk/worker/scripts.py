"""The transitions of a job that a worker makes, as scripts that run in Redis. They stand in `lua/`."""

from __future__ import annotations

import json
from pathlib import Path

from taskdesk.jobs.losses import MAX_LOSSES, POISON, STOPPED
from taskdesk.jobs.scripts import Script
from taskdesk.jobs.throughput import MINUTES
from taskdesk.worker import asked_retry
from taskdesk.worker.answers import Next, Order, Previous, Tick
from taskdesk.worker.leases import RECORD_TTL_SECONDS
from taskdesk.worker.release import How

CONSTANTS = {
    **{f"{kind.__name__.upper()}_{row.name}": row.value for kind in (How, Previous, Next, Order, Tick) for row in kind},
    "MINUTES_KEPT": MINUTES,
    "MAX_LOSSES": MAX_LOSSES,
    "POISON_ERROR": json.dumps(POISON.error),
    "STOPPED_ERROR": json.dumps(STOPPED.error),
    "ATTEMPTS_OVER_ERROR": asked_retry.ATTEMPTS_OVER,
    "RETRIES_OVER_ERROR": asked_retry.RETRIES_OVER,
    "RETURNED_RETRY": asked_retry.RETURNED,
    "RECORD_TTL_SECONDS": RECORD_TTL_SECONDS,
}


def _script(name: str) -> Script:
    return Script(Path(__file__).parent / "lua" / f"{name}.lua", CONSTANTS)


CYCLE = _script("cycle")
ADOPT = _script("adopt_and_cycle")
RELEASE = _script("release")
HEARTBEAT = _script("heartbeat")
KEEP_CHECKPOINT = _script("checkpoint")
SHOW_RESUMED = _script("resumed")
TICK = _script("tick")
ENQUEUE_READY = _script("enqueue_ready")
COUNT_SUCCESS = _script("count_success")
LOOKOUT = _script("lookout")
