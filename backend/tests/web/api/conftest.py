"""Jobs that are submitted by the API."""

from __future__ import annotations

import pytest

from taskdesk.jobs.status import FINAL
from tests.conftest import wait_until


@pytest.fixture
def post(client):
    def post(task: str, arguments, **options):
        return client.post(f"/api/v1/tasks/{task}/jobs", json=arguments, **options)

    return post


@pytest.fixture
def finished(client, post, run_worker):
    """Run a task to its end; return the job as the API shows it."""

    def finished(task: str, **arguments):
        location = post(task, arguments).location

        def ended():
            run_worker()
            job = client.get(location).json
            return job if job["status"] in FINAL else None

        return wait_until(ended)

    return finished
