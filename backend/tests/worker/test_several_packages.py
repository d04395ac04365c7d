"""TASKS=shop_tasks.jobs,billing.jobs: one worker serves the tasks of several packages."""

from __future__ import annotations

import os

import pytest
from rq import Callback, Queue
from rq.serializers import JSONSerializer

from taskdesk.jobs.catalog_reader import CatalogReader
from tests.conftest import BACKEND, Stack, wait_until

AROUND = """
import contextlib

ENTERED = []

@contextlib.contextmanager
def around_job():
    ENTERED.append(__name__)
    yield
    ENTERED.clear()

def _told(job, connection, result):
    connection.rpush("told", __name__)
"""
FILES = {
    "one/shop_tasks/__init__.py": AROUND,
    "one/shop_tasks/mail.py": "from shop_tasks import ENTERED\ndef send() -> list:\n    return [*ENTERED, 'sent']",
    "one/shop_tasks/report.py": "def report() -> str:\n    return 'of the shop'",
    "two/billing/__init__.py": "",
    "two/billing/jobs/__init__.py": AROUND,
    "two/billing/jobs/bills.py": "from billing.jobs import ENTERED\ndef bill(): return [*ENTERED, 'billed']",
    "two/billing/jobs/report.py": "def report() -> str:\n    return 'of billing'",
}
CALLS = {
    "shop_tasks.send": ["shop_tasks", "sent"],
    "billing.jobs.bill": ["billing.jobs", "billed"],
    "billing.jobs.bills.bill": ["billing.jobs", "billed"],  # as RQ names a function
    "shop_tasks.report": "of the shop",
}


@pytest.fixture
def worker(redis_url, tmp_path):
    """A real worker on a package that a folder names, and on one that a name names."""
    for name, source in FILES.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(source)
    path = os.pathsep.join([str(tmp_path / "two"), str(BACKEND)])
    tasks = f"{tmp_path / 'one' / 'shop_tasks'},billing.jobs"
    stack = Stack(redis_url, tmp_path, TASKS=tasks, WORKERS="1", STOP_GRACE="1", PYTHONPATH=path)
    stack.start("worker")
    yield stack
    stack.stop()


def test_jobs_of_each_package_run_by_their_full_names_with_its_own_around_job_and_callbacks(worker, redis):
    queue = Queue("default", connection=redis, serializer=JSONSerializer)
    jobs = {
        name: queue.enqueue(name, on_success=Callback(f"{name.partition('.')[0]}{inner}._told"))
        for name, inner in ((name, ".jobs" if name.startswith("billing") else "") for name in CALLS)
    }

    results = {
        name: wait_until(lambda job=job: job.latest_result(), what=f"{name} ends").return_value
        for name, job in jobs.items()
    }

    assert results == CALLS
    assert redis.lrange("told", 0, -1) == [b"shop_tasks", b"billing.jobs", b"billing.jobs", b"shop_tasks"]


def test_a_name_that_two_packages_share_is_a_broken_task_of_the_second(worker, redis):
    reader = CatalogReader(redis)
    wait_until(lambda: reader.read(max_age=0).workers, what="the worker is online")
    [catalog] = reader.read(max_age=0).catalogs.values()

    assert {name: spec.reference for name, spec in catalog.tasks.items()} == {
        "bill": "billing.jobs.bill",
        "report": "shop_tasks.report",
        "send": "shop_tasks.send",
    }
    [broken] = catalog.broken
    assert broken.module == "billing.jobs.report.report"
    assert broken.error == "another module has a task named 'report' (shop_tasks.report.report): rename one"
