"""F31: Redis can be reached and is not ready. It loads its data, or a proxy before it accepts and closes connections.

No process may die of that, and no job: what had ended meanwhile succeeds.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
from rq import Queue
from rq.serializers import JSONSerializer

from tests.conftest import Stack, free_port, wait_until
from tests.faults.catalog import ONCE
from tests.faults.harness import Desk, desk
from tests.faults.ledger import ACCEPTED, FORGOTTEN

ALL = os.environ.get("FAULTS") == "all"
SEED = int(os.environ.get("FAULTS_SEED", "1"))
LOADING = "LOADING Redis is loading the dataset in memory"
PASSWORD = "NOAUTH Authentication required."

pytestmark = pytest.mark.timeout(900 if ALL else 75)


@contextmanager
def everything(opened: Desk) -> Iterator[Stack]:
    """Web, rq-dashboard and six processes of workers, behind the proxy; all of them live on when the block ends."""
    url = f"redis://127.0.0.1:{opened.proxy.port}/0"
    stack = Stack(url, opened.folder, TASKS="tests.faults.tasks", DASHBOARD_PORT=str(free_port()))
    stack.start("server")
    stack.start("dashboard")
    try:
        workers = opened.fleet.start(2)
        opened.until_online(*workers)
        wait_until(lambda: stack.answers("/readyz"), what="the web is ready")
        before = {pid for worker in workers for pid in worker.tree()}
        yield stack
        assert {pid for worker in workers for pid in worker.tree()} == before, "a process of a worker ended"
        assert not any(process.poll() for process in stack.processes.values()), "a process ended"
    finally:
        stack.stop()
    for log in opened.folder.glob("*.log"):
        assert "Traceback" not in log.read_text(), f"{log.name}: {log.read_text()[-5_000:]}"


def end_meanwhile(opened: Desk) -> list[str]:
    """Jobs that begin now and end in a second, one of them with a dependent; their ids."""
    running = [opened.submit("effect_high", seconds=1) for _ in range(5)]
    queue = Queue("high", connection=opened.redis, serializer=JSONSerializer)
    waiting = queue.create_job("tests.faults.tasks.effect", depends_on=running[0]).id
    opened.ledger.intend(waiting, "effect")
    queue.enqueue("tests.faults.tasks.effect", depends_on=running[0], job_id=waiting)
    opened.ledger.settle(waiting, ACCEPTED)
    for job_id in running:
        opened.until_running(job_id)
    return [*running, waiting]


def assert_succeed(opened: Desk, stack: Stack, jobs: list[str]) -> None:
    began = time.monotonic()
    wait_until(lambda: stack.answers("/readyz"), seconds=10, what="the web is ready again")
    opened.until_at_work(seconds=10)
    assert {opened.until_final(job_id).status for job_id in jobs} == {"succeeded"}
    assert time.monotonic() - began < 20
    opened.jobs.delete(jobs[-1])  # RQ's own jobs are in no index of ours
    opened.ledger.settle(jobs[-1], FORGOTTEN)


@pytest.mark.parametrize(
    ("answer", "seconds"), [(LOADING, 3), (PASSWORD, 3), *([(LOADING, 40), (PASSWORD, 40)] if ALL else [])]
)
def test_f31_while_redis_refuses_every_command_nothing_dies(assert_kept, answer, seconds):
    """F31: Redis was started again and is loading, or its password is another for a while."""
    with desk(SEED + 31, through_proxy=True, processes=3) as opened:
        with everything(opened) as stack, opened.load(ONCE, rate=20):
            opened.until_at_work()
            jobs = end_meanwhile(opened)
            opened.proxy.refuse(answer)
            wait_until(lambda: not stack.answers("/readyz"), seconds=5, what="the web notices")
            time.sleep(seconds)
            assert stack.answers("/healthz")
            opened.proxy.let_in()
            assert_succeed(opened, stack, jobs)

        report = opened.check(f"F31 {answer[:7]} for {seconds} s", once=True, succeed=True)
    assert_kept(report)


@pytest.mark.parametrize("seconds", [3, *([45] if ALL else [])])
def test_f31_while_a_proxy_accepts_and_closes_nothing_dies(assert_kept, seconds):
    """F31: Redis is away, and what is before it accepts each connection and closes it."""
    with desk(SEED + 131, through_proxy=True, processes=3) as opened:
        with everything(opened) as stack, opened.load(ONCE, rate=20):
            opened.until_at_work()
            jobs = end_meanwhile(opened)
            opened.server.kill()
            time.sleep(seconds)
            opened.server.start()
            assert_succeed(opened, stack, jobs)

        report = opened.check(f"F31 a proxy closes for {seconds} s", once=True, succeed=True)
    assert_kept(report)


def _kill(opened: Desk) -> None:
    opened.server.kill()
    opened.server.start()


def _freeze(opened: Desk) -> None:
    opened.server.freeze()
    time.sleep(opened.random.uniform(1, 10))
    opened.server.thaw()


def _flap(opened: Desk) -> None:
    for _ in range(50):
        opened.proxy.delay = opened.random.choice((0, 0, 0.002, 0.02))
        opened.random.choice((opened.proxy.cut, lambda: opened.redis.client_kill_filter(_type="normal")))()
        time.sleep(opened.random.uniform(0, 0.3))
    opened.proxy.delay = 0


def _swallow(opened: Desk) -> None:
    opened.proxy.black_hole()
    time.sleep(opened.random.uniform(2, 10))
    opened.proxy.open()


HARM: dict[str, Callable[[Desk], None]] = {
    "killed": _kill,
    "frozen": _freeze,
    "flapping": _flap,
    "a black hole": _swallow,
}


@pytest.mark.parametrize("harm", HARM if ALL else ["killed"])
def test_f31_with_data_that_take_a_second_to_load_nothing_dies(assert_kept, harm):
    """F06, F07, F12 and F13, each before a Redis that is killed right after it, and loads for a second or more."""
    with desk(SEED + 231, through_proxy=True, processes=3) as opened:
        opened.server.options = ["--key-load-delay", "100"]  # µs; it answers -LOADING after each 1,000 commands
        opened.redis.eval("for n = 1, 14000 do redis.call('SET', 'ballast:' .. n, n) end", 0)
        with everything(opened) as stack, opened.load(ONCE, rate=20):
            for _ in range(3 if ALL else 1):
                opened.until_at_work()
                jobs = end_meanwhile(opened)
                HARM[harm](opened)
                if harm != "killed":
                    _kill(opened)
                assert_succeed(opened, stack, jobs)
            assert "errorstat_LOADING" in opened.redis.info("errorstats"), "nobody has asked while Redis was loading"
        for first in range(1, 14001, 1000):
            opened.redis.delete(*(f"ballast:{n}" for n in range(first, first + 1000)))

        report = opened.check(f"F31 with data, {harm}", once=True, succeed=True)
    assert_kept(report)
