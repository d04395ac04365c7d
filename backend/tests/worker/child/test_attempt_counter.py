"""A run counts once, however it ended."""

from __future__ import annotations

import pytest

from taskdesk.jobs.statistics import last_runs


@pytest.mark.slow
@pytest.mark.parametrize(
    ("task", "arguments"), [("exits", {"status": 3}), ("is_deaf", {}), ("raises_the_unspeakable", {})]
)
def test_however_a_run_failed_it_counts_in_the_statistics_of_its_task_once(run, redis, task, arguments):
    run((task, arguments))

    assert last_runs(redis, f"tests.sample_tasks.{task}") == [(0, 1)]
