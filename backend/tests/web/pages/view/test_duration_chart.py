"""The chart of durations on the page of a task."""

from __future__ import annotations

import pytest

from taskdesk.web.pages.view.duration_chart import MOST, Bar, bars


def test_the_longest_is_full_and_the_shortest_can_be_seen():
    assert bars([2.0, 0.001, 1.0]) == [Bar(0, 2.0, 100.0), Bar(1, 0.001, 4), Bar(2, 1.0, 50.0)]


@pytest.mark.parametrize("times", [[], [1.0]])
def test_one_job_has_nothing_to_compare_with(times):
    assert bars(times) == []


def test_only_the_last_are_shown_and_times_of_zero_do_no_harm():
    assert [bar.seconds for bar in bars([9.0] * 5 + [0.0] * MOST)] == [0.0] * MOST
