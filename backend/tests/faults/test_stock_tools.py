"""RQ's own tools are used while workers run and die: F27."""

from __future__ import annotations

import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from http.cookies import SimpleCookie

import pytest
from redis import Redis
from redis.exceptions import RedisError
from rq.registry import FailedJobRegistry, FinishedJobRegistry, StartedJobRegistry
from rq.serializers import JSONSerializer

from tests.conftest import Stack, wait_until
from tests.faults.catalog import OFTEN, ONCE, QUEUES
from tests.faults.harness import Rig, start_rig
from tests.faults.ledger import ACCEPTED
from tests.faults.scale import ALL, LIMIT, SEED, size

pytestmark = pytest.mark.timeout(LIMIT)
PAGES = (
    "/0/data/queues.json",
    "/0/data/workers.json",
    *(f"/0/data/jobs/{queue}/{state}/8/asc/1.json" for queue in QUEUES for state in ("queued", "failed", "started")),
)


@contextmanager
def _again_and_again(*acts: Callable[[], object]) -> Iterator[None]:
    """Call each of these in a thread of its own, without a pause, while the block runs."""
    ended = threading.Event()

    def repeat(act: Callable[[], object]) -> None:
        while not ended.is_set():
            with suppress(RedisError, OSError):
                act()

    threads = [threading.Thread(target=repeat, args=[act], name="tool") for act in acts]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        ended.set()
        for thread in threads:
            thread.join()


def _count(redis: Redis) -> None:
    """Count registries as rq-exporter and dashboards do: it makes RQ clean up each registry without a lock."""
    for queue in QUEUES:
        for kind in (StartedJobRegistry, FinishedJobRegistry, FailedJobRegistry):
            registry = kind(queue, connection=redis, serializer=JSONSerializer)
            assert registry.count >= 0
            registry.get_job_ids()
            len(registry)


class Dashboard:
    """A client of rq-dashboard. `statuses`: the HTTP statuses of its answers."""

    def __init__(self, stack: Stack):
        self.statuses: set[int] = set()
        self._stack = stack

    def poll(self) -> None:
        for page in PAGES:
            self._ask(page)

    def requeue_failed(self, queue: str) -> None:
        cookie = SimpleCookie(self._ask("/")["Set-Cookie"])["_csrf_token"].value
        self._ask(f"/requeue/{queue}", method="POST", Cookie=f"_csrf_token={cookie}", **{"X-CSRFToken": cookie})

    def _ask(self, path: str, method: str = "GET", **headers: str):
        request = urllib.request.Request(self._stack.url + path, method=method, headers=headers)
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:
                self.statuses.add(answer.status)
                return answer.headers
        except urllib.error.HTTPError as error:
            with error:
                self.statuses.add(error.code)
                return error.headers


@pytest.mark.slow
def test_f27_stock_tools_make_no_job_run_twice(assert_kept):
    """F27: rq-dashboard is polled and used, and three programs count RQ's registries, while workers run and die."""
    with start_rig(SEED + 27) as rig, _dashboard(rig) as dashboard:
        pool = rig.fleet.start(2)
        rig.until_online(*pool)
        counters = [Redis.from_url(rig.server.url) for _ in range(3)]
        counts = [lambda redis=redis: _count(redis) for redis in counters]
        with rig.load(OFTEN + ONCE), _again_and_again(dashboard.poll, *counts):
            for _ in range(size(2, 20)):
                time.sleep(rig.random.uniform(0.5, 1.5))
                victim = pool.pop(0)
                rig.kill(victim)
                pool += rig.fleet.start()
                rig.until_online(*pool)
            rig.until_at_work()
            if not ALL:
                rig.expire_leases()
        failed = wait_until(lambda: rig.redis.zrange("rq:failed:default", 0, -1), what="jobs have failed")
        dashboard.requeue_failed("default")
        for redis in counters:
            redis.close()

        report = rig.check("F27 stock tools")
        begun, again = rig.effects.counts("begin"), {job_id.decode() for job_id in failed}
        for job_id, entry in rig.ledger.entries(ACCEPTED).items():
            may_run_again = entry.task not in ONCE or job_id in again
            began = begun.get(job_id, 0)
            report.expect(may_run_again or began <= entry.ending.runs, f"job {job_id} began {began} times")
        report.expect(dashboard.statuses == {200}, f"rq-dashboard answered {dashboard.statuses}")
    assert_kept(report)


@contextmanager
def _dashboard(rig: Rig) -> Iterator[Dashboard]:
    stack = Stack(rig.url, rig.folder)
    stack.environment["DASHBOARD_PORT"] = str(stack.port)
    stack.start("dashboard")
    try:
        wait_until(stack.answers, what="rq-dashboard answers")
        yield Dashboard(stack)
    finally:
        stack.stop()
