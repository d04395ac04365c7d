"""A receiver, jobs with a webhook that leads to it, and waits for what arrives."""

from __future__ import annotations

import pytest

from taskdesk.jobs.deliveries import Deliveries
from tests.conftest import wait_until
from tests.receivers import Receiver
from tests.worker.conftest import RETENTION


@pytest.fixture
def receiver():
    with Receiver() as receiver:
        yield receiver


@pytest.fixture
def submit(jobs, registry, receiver):
    def submit(task, *, webhook=None, **arguments):
        url = receiver.url if webhook is None else webhook
        return jobs.submit(registry.catalog.tasks[task], arguments, RETENTION, webhook=url).id

    return submit


def arrived(receiver, count):
    wait_until(lambda: len(receiver.requests) >= count, what=f"{count} requests arrive")


def settled(redis, job_id, status="delivered"):
    def is_settled():
        found = Deliveries(redis).of(job_id)
        return found and found[0].status == status

    wait_until(is_settled, what=f"the delivery is {status}")
    return Deliveries(redis).of(job_id)[0]
