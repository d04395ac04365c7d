"""Callbacks of RQ's producers that raise, or that cannot be imported: F24."""

from __future__ import annotations

from itertools import product

import pytest
from rq import Callback

from tests.faults.harness import start_rig
from tests.faults.scale import LIMIT, SEED

pytestmark = pytest.mark.timeout(LIMIT)
CALLBACKS = ("nowhere.to_be_found", "tests.faults.tasks.missing", "os.abort", "no name")
RAISES = "tests.faults.tasks._callback"
EVENTS = ("on_success", "on_failure", "on_stopped")


@pytest.mark.slow
def test_f24_a_callback_that_raises_or_does_not_exist_does_no_harm(assert_kept):
    """F24: a job that names such a callback ends once, also if its worker is lost or it is canceled. Only a callback of
    the tasks' package is called, and the workers live on.
    """
    with start_rig(SEED + 24) as rig:
        [lost] = rig.fleet.start()
        rig.until_online(lost)
        names = product(("dependent", "repeated", "not kept", "failing", "retried"), CALLBACKS)
        for name, callback in names:
            rig.enqueue(name, "effect", **{event: Callback(callback) for event in EVENTS})
        held = rig.enqueue("repeated", "effect_high", seconds=30, **_all("nowhere.to_be_found"))
        rig.until_running(held)
        rig.kill(lost)
        [next_worker] = rig.fleet.start()
        rig.until_online(next_worker)
        rig.expire_leases()
        stopped = rig.enqueue("not kept", "effect_high", seconds=30, **_all(RAISES))
        rig.until_running(stopped)
        rig.jobs.cancel(stopped)

        report = rig.check("F24 callbacks")
        report.expect(rig.jobs.get(held).status == "failed", "the job of the lost worker has not failed")
        report.expect(rig.jobs.get(stopped).status == "canceled", "the stopped job is not canceled")
        report.expect(report.counts["failed"] == 1, f"{report.counts['failed']} jobs failed")
        called = [effect for effect in rig.effects.all() if effect.event == "callback"]
        report.expect(len(called) == 1, f"{len(called)} callbacks were called, and not on_stopped alone")
    assert_kept(report)


def _all(callback: str) -> dict[str, Callback]:
    return {event: Callback(callback) for event in EVENTS}
