"""The cost of checking a request depends on its size, not on how much of it is wrong."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from taskdesk.jobs.errors import MAX_ERRORS
from tests.conftest import BACKEND
from tests.costs import RIGHT, WRONG

SIZE = 1_000_000
WAYS = ("web", "worker", "batch")
CASES = [f"{kind} {name}" for kind, cases in (("wrong", WRONG), ("right", RIGHT)) for name in cases]


@pytest.fixture(scope="module")
def costs():
    answer = subprocess.run(
        [sys.executable, "-m", "tests.costs", str(SIZE)], cwd=BACKEND, capture_output=True, check=True, timeout=280
    )
    return json.loads(answer.stdout)


@pytest.mark.slow
@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("case", CASES)
def test_a_megabyte_is_checked_at_the_cost_of_reading_it(costs, case, way):
    size, (seconds_to_read, bytes_to_read, _), (seconds, peak, errors) = costs[f"{case}, {way}"]

    assert size > SIZE / 3
    assert seconds < 0.5 + 3 * seconds_to_read  # once it was 13 s
    assert peak < 20_000_000 + bytes_to_read + 10 * size  # once it was 2 GB
    assert errors <= MAX_ERRORS
    assert errors == 0 if case.startswith("right") else errors > 0 or (case, way) == ("wrong set", "worker")
