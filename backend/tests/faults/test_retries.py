"""Many jobs that fail together, and are tried again: F22."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Iterator
from itertools import accumulate, pairwise

import pytest

from tests.faults.harness import Rig, start_rig
from tests.faults.scale import LIMIT, SEED, promised, size

pytestmark = [pytest.mark.timeout(LIMIT), pytest.mark.slow]


@pytest.fixture(scope="module")
def failing() -> Iterator[Rig]:
    with start_rig(SEED + 22) as rig:
        for _ in range(size(300, 5_000)):
            rig.submit("fails", times=2)
        rig.fleet.start()
        yield rig


def test_f22_failing_jobs_do_not_keep_the_others_waiting(failing):
    """F22, first part: jobs that fail and are retried leave room for an urgent one."""
    failing.until_at_work()

    failing.until_final(failing.submit("effect_high"), seconds=promised(10))


def test_f22_retries_are_spread(failing, assert_kept):
    """F22: the retries of jobs that failed together are spread: the busiest half second has at most 3 × the mean. None
    is early, and at most 5 % are late.
    """
    report = failing.check("F22 retries", succeed=True)
    begun = defaultdict(list)
    for effect in failing.effects.all():
        if effect.event == "begin":
            begun[effect.job_id].append(effect.at)
    planned: Counter[int] = Counter()
    late: list[float] = []  # seconds after its time
    for job_id, times in begun.items():
        pauses = json.loads(failing.redis.hget(f"rq:job:{job_id}", "retry_intervals") or b"[]")[: len(times) - 1]
        planned.update(int(2 * at) for at in accumulate(pauses))
        late += (after - before - pause for (before, after), pause in zip(pairwise(times), pauses, strict=True))
    mean = planned.total() / (max(planned) + 1)

    report.expect(max(planned.values()) <= 3 * mean, f"busiest half second {max(planned.values())}, mean {mean:.1f}")
    report.expect(min(late) >= 0, f"a retry {-min(late):.3f} s before its time")
    report.expect(
        sorted(late)[len(late) * 95 // 100] < 15, f"late by {sorted(late)[len(late) * 95 // 100]:.1f} s (p95)"
    )
    assert_kept(report)
