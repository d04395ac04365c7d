"""Ids of jobs where there is little room."""

from __future__ import annotations

import pytest

from taskdesk.jobs.job_id import new_job_id
from taskdesk.web.pages.view.short_ids import short


def test_a_random_id_is_shown_by_its_beginning():
    job_id = new_job_id()

    assert short(job_id) == job_id[:8]


@pytest.mark.parametrize("job_id", ["nightly-20261130T051500Z", "order-4711", "a"])
def test_an_id_that_says_something_is_shown_whole(job_id):
    assert short(job_id) == job_id
