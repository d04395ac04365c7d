"""All faults, mixed by a seeded chance, on a rig with a past: F30. The verdict is that of a total queue."""

from __future__ import annotations

import json
from collections import Counter

import pytest

from taskdesk.jobs.fields import ERROR
from tests.faults.catalog import OFTEN, ONCE
from tests.faults.harness import Rig, start_rig
from tests.faults.ledger import ACCEPTED
from tests.faults.nemesis import CREW, Nemesis
from tests.faults.scale import ALL, LIMIT, SEED, size

LOSSES = {"WorkerLost", "WorkerStopped", "Poison"}  # what a job may fail of that is not at fault itself


@pytest.mark.timeout(1_200 if ALL else LIMIT)
@pytest.mark.parametrize("seconds", size([8, pytest.param(60, marks=pytest.mark.slow)], [600]))
def test_f30_whatever_happens_each_job_has_one_end(assert_kept, seconds):
    """F30: none is lost or stuck; none fails but for the loss of its worker; at most once is at most once."""
    with start_rig(SEED + 30) as rig:
        rig.age(size(20_000, 200_000))
        rig.until_online(*rig.fleet.start(CREW))
        nemesis = Nemesis(rig)
        with rig.load((*OFTEN, *ONCE, "effect_once")):
            nemesis.rage(seconds)
            rig.until_at_work()
        if not ALL:
            rig.expire_leases()

        report = rig.check(f"F30 nemesis, {seconds} s")
        harms = ", ".join(f"{count} {name}" for name, count in sorted(Counter(nemesis.done).items()))
        report.name += f" ({harms})"
        for job_id, error in _errors(rig).items():
            report.expect(error in LOSSES, f"job {job_id} failed of {error or 'nothing'}")
    assert_kept(report)


def _errors(rig: Rig) -> dict[str, str]:
    """Why jobs failed that were not to fail."""
    errors = {}
    for job_id, entry in rig.ledger.entries(ACCEPTED).items():
        status, error = rig.redis.hmget(f"rq:job:{job_id}", "status", ERROR)
        if status == b"failed" and entry.ending.becomes != "failed":
            errors[job_id] = str(json.loads(error or b"{}").get("type", ""))
    return errors
