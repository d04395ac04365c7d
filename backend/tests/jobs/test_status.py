"""The statuses of a job, and RQ's words for them."""

from __future__ import annotations

import pytest
from rq.job import JobStatus

from taskdesk.jobs.status import BY_RQ_WORD, FINAL, INDEXED, Status, status_of


def test_every_word_of_rq_has_a_status():
    assert set(BY_RQ_WORD) == {status.value for status in JobStatus}


def test_a_job_is_running_in_an_index_or_both_indexed_and_final():
    assert set(INDEXED) == set(Status) - {Status.RUNNING}
    assert set(INDEXED) > FINAL


@pytest.mark.parametrize(
    ("rq_word", "foreign", "status"),
    [
        (b"queued", None, "queued"),
        (b"started", None, "running"),
        (b"stopped", None, "canceled"),
        (b"scheduled", None, "scheduled"),
        (b"scheduled", b"{}", "waiting"),
        (b"queued", b"{}", "queued"),
        (b"of a later version", None, "queued"),
    ],
)
def test_the_status_follows_from_the_word_of_rq_and_from_who_handed_the_job_back(rq_word, foreign, status):
    assert status_of(rq_word, foreign) == status
