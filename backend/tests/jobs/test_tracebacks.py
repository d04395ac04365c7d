"""The error of a job that RQ's own worker has ended, from the text that it stores."""

from __future__ import annotations

import traceback

import pytest

from taskdesk.jobs.losses import TIME_LIMIT, WORKER_LOST
from taskdesk.jobs.tracebacks import error_of

HEAD = 'Traceback (most recent call last):\n  File "/srv/app/tasks/reports.py", line 12, in render\n    page(x)\n'
INSTALLED = '  File "/venv/lib/python3.12/site-packages/lib/core.py", line 3, in page\n    ~~^^\n'


@pytest.mark.parametrize(
    ("ending", "type", "detail"),
    [
        ("ValueError: No column: 'x'\n", "ValueError", "No column: 'x'"),
        ("shop.errors.NoStock: a\nb\n", "NoStock", "a\nb"),
        ("KeyError\n", "KeyError", "KeyError"),
        ("an odd ending: of no class", "Exception", "Exception"),
        ("", "Exception", "Exception"),
    ],
)
def test_type_message_and_place_are_read(ending, type, detail):
    error = error_of(HEAD + INSTALLED + ending)

    assert (error["type"], error["detail"]) == (type, detail)
    assert (error["frame"], error["line"]) == ("tasks/reports.py:render", 12)


def test_the_last_of_chained_errors_counts():
    try:
        try:
            int("x")
        except ValueError as error:
            raise RuntimeError("no number") from error
    except RuntimeError:
        error = error_of(traceback.format_exc())

    assert (error["type"], error["detail"]) == ("RuntimeError", "no number")
    assert error["frame"] == "jobs/test_tracebacks.py:test_the_last_of_chained_errors_counts"


@pytest.mark.parametrize(
    "text", ["", "Moved to FailedJobRegistry, due to AbandonedJobError, at 2026-11-30", "\x00" * 99]
)
def test_without_a_traceback_the_worker_was_lost(text):
    assert error_of(text) == WORKER_LOST.error


def test_a_time_limit_of_rq_is_a_time_limit():
    text = HEAD + "rq.timeouts.JobTimeoutException: Task exceeded maximum timeout value (180 seconds)"

    assert error_of(text) == TIME_LIMIT.error | {"detail": "Task exceeded maximum timeout value (180 seconds)"}


def test_code_that_is_all_installed_has_no_place():
    assert "frame" not in error_of(f"Traceback (most recent call last):\n{INSTALLED}ValueError: a")


def test_a_long_message_is_cut():
    assert len(error_of(HEAD + "ValueError: " + "x" * 10**6)["detail"]) == 10_000
