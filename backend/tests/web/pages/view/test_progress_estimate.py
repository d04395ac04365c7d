"""How long a running job will still run."""

from __future__ import annotations

import pytest

from taskdesk.web.pages.view.progress_estimate import ProgressEstimate


@pytest.mark.parametrize(
    ("estimate", "left", "is_slow"),
    [
        (ProgressEstimate(60, 25, 10, 20), "3 min", True),  # its progress knows better than the runs before it
        (ProgressEstimate(60, 0, 180, 300), "2 min", False),
        (ProgressEstimate(200, 0, 180, 300), "", False),
        (ProgressEstimate(301, 0, 180, 300), "", True),
        (ProgressEstimate(5, 0, None, None), "", False),
        (ProgressEstimate(5, 100, 60, 60), "", False),
    ],
)
def test_the_time_that_is_left(estimate, left, is_slow):
    assert (" ".join(estimate.left.split()), estimate.is_slow) == (left, is_slow)
