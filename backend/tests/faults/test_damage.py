"""Jobs whose hash in Redis is damaged, or holds a pickle: F29."""

from __future__ import annotations

import json
import zlib
from pathlib import Path

import pytest

from taskdesk.jobs.fields import ERROR
from taskdesk.jobs.keys import JOBS
from tests.faults.harness import Rig, start_rig
from tests.faults.ledger import REFUSED
from tests.faults.scale import LIMIT, SEED

pytestmark = pytest.mark.timeout(LIMIT)


PICKLE = "cos\nsystem\n(S'touch {canary}'\ntR."
DAMAGE = {  # fields that are deleted, or set
    "no data": {"data": None},
    "nothing but a status": {"data": None, "origin": None, "created_at": None, "timeout": None, "enqueued_at": None},
    "cut data": {"data": b'["tests.faults.tasks.effect", null, ['},
    "a pickle": {"data": PICKLE},
    "a packed pickle": {"data": zlib.compress(PICKLE.encode())},
    "a pickle as meta too": {"data": PICKLE, "meta": PICKLE},
    "odd JSON": {"data": b'{"a": 1}'},
}
HARMLESS = {  # such a job may run, or fail with a reason
    "no times": {"created_at": None, "enqueued_at": None},
    "no origin": {"origin": None},
    "no status": {"status": None},
    "no limit": {"timeout": None},
    "a limit that is none": {"timeout": b"soon"},
    "a time that is none": {"created_at": b"yesterday", "enqueued_at": b""},
    "a pickle as meta": {"meta": PICKLE},
    "retries that are none": {"retries_left": b"many", "retry_intervals": b"[[["},
}


@pytest.mark.slow
def test_f29_a_damaged_job_fails_with_a_reason_and_is_never_unpickled(assert_kept, tmp_path):
    """F29: a job hash has lost fields, or holds a pickle. Only this job fails, and it says why.

    A job whose data are no JSON waits for a stock worker that may read them, here for two seconds.
    """
    canary = tmp_path / "canary"
    with start_rig(SEED + 29) as rig:
        damaged = {}
        for name, fields in {**DAMAGE, **HARMLESS}.items():
            damaged[name] = rig.submit("effect")
            _damage(rig, damaged[name], fields, canary)
            rig.submit("effect")
        _vanish(rig, rig.submit("effect"))
        rig.fleet.start(FOREIGN_TTL="2")
        rig.until_at_work()
        rig.submit("effect_low")

        report = rig.check("F29 damaged jobs", once=True)
        for name, job_id in damaged.items():
            status, error = rig.redis.hmget(f"rq:job:{job_id}", "status", ERROR)
            report.expect(status == b"failed" or name in HARMLESS, f"{name}: {status}")
            report.expect(status != b"failed" or bool(json.loads(error or b"{}").get("detail")), f"{name}: no reason")
        report.expect(report.counts["failed"] <= len(damaged), "a job beside the damaged ones failed")
        report.expect(not canary.exists(), "a pickle was loaded")
    assert_kept(report)


def _vanish(rig: Rig, job_id: str) -> None:
    """Leave nothing of a job but its entry in the queue. It cannot fail, because its hash is gone."""
    rig.redis.delete(f"rq:job:{job_id}")
    rig.redis.zrem(JOBS, job_id)
    rig.ledger.settle(job_id, REFUSED)


def _damage(rig: Rig, job_id: str, fields: dict[str, bytes | str | None], canary: Path) -> None:
    for field, value in fields.items():
        if value is None:
            rig.redis.hdel(f"rq:job:{job_id}", field)
        else:
            text = value.format(canary=canary) if isinstance(value, str) else value
            rig.redis.hset(f"rq:job:{job_id}", field, text)
