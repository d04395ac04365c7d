"""Tasks for the tests: quick ones, and ones that go wrong in every way."""

import os
from collections.abc import Iterator
from contextlib import contextmanager

from tests.sample_tasks.bad import fails_once, kills_itself, never_ends, raises
from tests.sample_tasks.good import echo, returns_nothing, wait_for
from tests.sample_tasks.written_for_rq import asks_rq, returns_retry, returns_retry_for_ever, returns_retry_once

# RQ's own worker imports a task by its reference, which names this package.
__all__ = [
    "asks_rq",
    "echo",
    "fails_once",
    "kills_itself",
    "never_ends",
    "raises",
    "returns_nothing",
    "returns_retry",
    "returns_retry_for_ever",
    "returns_retry_once",
    "wait_for",
]


@contextmanager
def around_job() -> Iterator[None]:
    os.environ["AROUND_JOB"] = "entered"
    yield
    os.environ["AROUND_JOB"] = "left"


def _callback(*details: object) -> None:
    """A callback of RQ's producers."""
