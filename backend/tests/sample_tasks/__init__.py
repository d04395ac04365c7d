"""Tasks for the tests: quick ones, and ones that go wrong in every way."""

import os
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def around_job() -> Iterator[None]:
    os.environ["AROUND_JOB"] = "entered"
    yield
    os.environ["AROUND_JOB"] = "left"
