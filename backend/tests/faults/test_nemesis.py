"""All faults in a random, seeded order, on a rig with a history: F30. The verdict is that of a total queue."""

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

LOSSES = {"WorkerLost", "WorkerStopped", "Poison"}  # errors of a job that lost its worker


@pytest.mark.timeout(1_200 if ALL else LIMIT)
@pytest.mark.parametrize("seconds", size([8, pytest.param(60, marks=pytest.mark.slow)], [600]))
def test_f30_each_job_ends_once_whatever_happens(assert_kept, seconds):
    """F30: no job is lost or stuck, none fails except by the loss of its worker, and at_most_once holds."""
    with start_rig(SEED + 30) as rig:
        rig.add_history(size(5_000, 200_000))
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
    """Return the error of each job that failed and was not meant to."""
    errors = {}
    for job_id, entry in rig.ledger.entries(ACCEPTED).items():
        status, error = rig.redis.hmget(f"rq:job:{job_id}", "status", ERROR)
        if status == b"failed" and entry.ending.becomes != "failed":
            errors[job_id] = str(json.loads(error or b"{}").get("type", ""))
    return errors
