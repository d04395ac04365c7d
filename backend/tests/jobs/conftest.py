"""The jobs of an empty Redis, and a task for them."""

from __future__ import annotations

import pytest
from rq import Queue, SimpleWorker
from rq.serializers import JSONSerializer

from taskdesk.jobs.catalog_reader import CatalogReader
from taskdesk.jobs.intake import REST_MS, Intake
from taskdesk.jobs.jobs import Jobs
from taskdesk.jobs.keys import INTAKE_LOCK
from taskdesk.jobs.listing import Filter


@pytest.fixture
def jobs(redis):
    return Jobs(redis, ("high", "default", "low"))


@pytest.fixture
def echo(registry):
    return registry.catalog.tasks["echo"]


# Jobs of plain RQ programs

QUEUES = ("high", "default", "low")


@pytest.fixture
def queue(redis):
    return Queue("default", connection=redis, serializer=JSONSerializer)


@pytest.fixture
def intake(redis, registry):
    return Intake(redis, QUEUES, CatalogReader(redis))


@pytest.fixture
def look(redis, intake):
    """Look until there is nothing more, as workers do; return the number of looks."""

    def look() -> int:
        for looks in range(1, 50):
            redis.delete(INTAKE_LOCK)
            if intake.look() >= REST_MS / 1000:
                return looks
        raise AssertionError("the looks do not end")

    return look


@pytest.fixture
def listed(look, jobs):
    """The ids of all jobs that match, newest first, after a look."""

    def listed(**matching) -> list[str]:
        look()
        return [job.id for job in jobs.page(1000, None, Filter(**matching))[0]]

    return listed


@pytest.fixture
def stock(redis):
    """Let RQ's own worker run what is queued."""

    def stock() -> None:
        SimpleWorker(["default"], connection=redis, serializer=JSONSerializer).work(burst=True, logging_level="ERROR")

    return stock
