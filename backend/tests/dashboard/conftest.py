"""rq-dashboard with our changes, and jobs that it shows."""

from __future__ import annotations

from http.cookies import SimpleCookie

import pytest
from rq import Queue
from rq.serializers import JSONSerializer

from taskdesk.jobs.job import Retention
from taskdesk.jobs.jobs import Jobs
from tests.dashboard.requests import ask

QUEUES = ("high", "default", "low")


@pytest.fixture
def get(dashboard):
    return lambda path, **headers: ask(dashboard, path, "GET", headers)


@pytest.fixture
def post(dashboard, get):
    """Post like a page, with its token; `headers` override."""
    token = SimpleCookie(get("/").headers["Set-Cookie"])["_csrf_token"].value
    own = {"Cookie": f"_csrf_token={token}", "X-CSRFToken": token}
    return lambda path, **headers: ask(dashboard, path, "POST", own | headers)


@pytest.fixture
def jobs(redis) -> Jobs:
    return Jobs(redis, QUEUES)


@pytest.fixture
def submit(jobs, registry):
    return lambda name, **arguments: jobs.submit(registry.catalog.tasks[name], arguments, Retention(100, 100)).id


@pytest.fixture
def stock(redis) -> Queue:
    """The queue of a program with plain RQ."""
    return Queue("default", connection=redis, serializer=JSONSerializer)
