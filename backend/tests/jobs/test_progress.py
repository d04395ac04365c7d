"""`progress` in a shell, a unit test or a job: it takes two finite numbers."""

from __future__ import annotations

import math
from decimal import Decimal

import pytest

from taskdesk import progress
from taskdesk.jobs.task import JobContext, enter_job


@pytest.fixture
def reported():
    reported = []
    enter_job(JobContext(report=lambda *given: reported.append(given)))
    yield reported
    enter_job(JobContext())


@pytest.mark.parametrize("wrong", ["x", None, [], math.nan, -math.inf, 10**400, 1j])
def test_what_is_no_finite_number_is_refused_with_a_sentence(reported, wrong):
    with pytest.raises(ValueError, match=r"^progress\(\): current has to be a finite number, and is .{1,100}\.$"):
        progress(wrong)
    with pytest.raises(ValueError, match=r"^progress\(\): total has to be a finite number, and is "):
        progress(1, wrong, "a")

    assert reported == []


def test_numbers_of_any_type_are_reported(reported):
    progress(True, Decimal("2.5"), "half")

    assert reported == [(1.0, 2.5, "half")]
