"""The jobs of an empty Redis, and a task for them."""

from __future__ import annotations

import pytest

from taskdesk.jobs.jobs import Jobs


@pytest.fixture
def jobs(redis):
    return Jobs(redis, ("high", "default", "low"))


@pytest.fixture
def echo(registry):
    return registry.catalog.tasks["echo"]
