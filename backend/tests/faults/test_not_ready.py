"""F31: Redis is reachable but not ready: it loads its data, or a proxy in front of it accepts and closes connections.

No process and no job may die of that: a job that ends meanwhile succeeds.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
from rq import Queue
from rq.serializers import JSONSerializer

from tests.conftest import Stack, free_port, wait_until
from tests.faults.catalog import ONCE
from tests.faults.fleet import OTHER_VERSION, Worker, ignores_interrupts
from tests.faults.harness import Rig, start_rig
from tests.faults.ledger import ACCEPTED
from tests.faults.scale import ALL, LIMIT, SEED, promised, size

LOADING = "LOADING Redis is loading the dataset in memory"
PASSWORD = "NOAUTH Authentication required."
PROCESSES = 3  # of each worker

pytestmark = [
    pytest.mark.timeout(LIMIT),
    pytest.mark.skipif(bool(OTHER_VERSION), reason="The processes of another version are not counted."),
]


@contextmanager
def everything(rig: Rig) -> Iterator[Stack]:
    """Start web, rq-dashboard and six worker processes behind the proxy. All must live on until the block ends."""
    url = f"redis://127.0.0.1:{rig.proxy.port}/0"
    stack = Stack(url, rig.folder, TASKS="tests.faults.tasks", DASHBOARD_PORT=str(free_port()))
    stack.start("server")
    stack.start("dashboard")
    try:
        workers = rig.fleet.start(2)
        wait_until(lambda: all(map(has_all_children, workers)), what="all processes of the workers have started")
        wait_until(lambda: stack.answers("/readyz"), what="the web is ready")
        before = {pid for worker in workers for pid in worker.tree()}
        yield stack
        assert {pid for worker in workers for pid in worker.tree()} >= before, "a process of a worker ended"
        assert not any(process.poll() for process in stack.processes.values()), "a process ended"
    finally:
        stack.stop()
    for log in rig.folder.glob("*.log"):
        assert "Traceback" not in log.read_text(), f"{log.name}: {log.read_text()[-5_000:]}"


def has_all_children(worker: Worker) -> bool:
    """Return True if each process has its child. From then on, what it forked on the way has ended (double_fork.py)."""
    return sum(map(ignores_interrupts, worker.tree())) == PROCESSES


def end_meanwhile(rig: Rig) -> list[str]:
    """Start jobs that run for a second, one of them with a dependent, and return their ids."""
    running = [rig.submit("effect_high", seconds=1) for _ in range(5)]
    queue = Queue("high", connection=rig.redis, serializer=JSONSerializer)
    waiting = queue.create_job("tests.faults.tasks.effect", depends_on=running[0]).id
    rig.ledger.intend(waiting, "effect")
    queue.enqueue("tests.faults.tasks.effect", depends_on=running[0], job_id=waiting)
    rig.ledger.settle(waiting, ACCEPTED)
    for job_id in running:
        rig.until_running(job_id)
    return [*running, waiting]


def assert_succeed(rig: Rig, stack: Stack, jobs: list[str]) -> None:
    began = time.monotonic()
    wait_until(lambda: stack.answers("/readyz"), seconds=promised(10), what="the web is ready again")
    rig.until_at_work(seconds=promised(10))
    assert {rig.until_final(job_id).status for job_id in jobs} == {"succeeded"}
    assert time.monotonic() - began < promised(20)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("answer", "seconds"),
    size(
        [(LOADING, 3), pytest.param(PASSWORD, 3, marks=pytest.mark.slow)],
        [(LOADING, 3), (PASSWORD, 3), (LOADING, 40), (PASSWORD, 40)],
    ),
)
def test_f31_while_redis_refuses_every_command_nothing_dies(assert_kept, answer, seconds):
    """F31: Redis was restarted and is loading, or has another password for a while."""
    with start_rig(SEED + 31, through_proxy=True, processes=PROCESSES) as rig:
        with everything(rig) as stack, rig.load(ONCE, rate=20):
            rig.until_at_work()
            jobs = end_meanwhile(rig)
            rig.proxy.refuse(answer)
            wait_until(lambda: not stack.answers("/readyz"), what="the web notices")
            time.sleep(seconds)
            assert stack.answers("/healthz")
            rig.proxy.stop_refusing()
            assert_succeed(rig, stack, jobs)

        report = rig.check(f"F31 {answer[:7]} for {seconds} s", once=True, succeed=True)
    assert_kept(report)


@pytest.mark.slow
@pytest.mark.parametrize("seconds", [3, *([45] if ALL else [])])
def test_f31_while_a_proxy_accepts_and_closes_nothing_dies(assert_kept, seconds):
    """F31: Redis is away, and a proxy in front of it accepts each connection and closes it."""
    with start_rig(SEED + 131, through_proxy=True, processes=PROCESSES) as rig:
        with everything(rig) as stack, rig.load(ONCE, rate=20):
            rig.until_at_work()
            jobs = end_meanwhile(rig)
            rig.server.kill()
            time.sleep(seconds)
            rig.server.start()
            assert_succeed(rig, stack, jobs)

        report = rig.check(f"F31 a proxy closes for {seconds} s", once=True, succeed=True)
    assert_kept(report)


def _kill(rig: Rig) -> None:
    rig.server.kill()
    rig.server.start()


def _freeze(rig: Rig) -> None:
    rig.server.freeze()
    time.sleep(rig.random.uniform(1, 10))
    rig.server.thaw()


def _flap(rig: Rig) -> None:
    for _ in range(50):
        rig.proxy.delay = rig.random.choice((0, 0, 0.002, 0.02))
        rig.random.choice((rig.proxy.cut, lambda: rig.redis.client_kill_filter(_type="normal")))()
        time.sleep(rig.random.uniform(0, 0.3))
    rig.proxy.delay = 0


def _swallow(rig: Rig) -> None:
    rig.proxy.black_hole()
    time.sleep(rig.random.uniform(2, 10))
    rig.proxy.open()


HARM: dict[str, Callable[[Rig], None]] = {
    "killed": _kill,
    "frozen": _freeze,
    "flapping": _flap,
    "a black hole": _swallow,
}


@pytest.mark.slow
@pytest.mark.parametrize("harm", HARM if ALL else ["killed"])
def test_f31_with_data_that_take_a_second_to_load_nothing_dies(assert_kept, harm):
    """F06, F07, F12 and F13, each followed by a kill of Redis, which then loads for a second or more."""
    with start_rig(SEED + 231, through_proxy=True, processes=PROCESSES) as rig:
        rig.server.options = ["--key-load-delay", "100"]  # µs; it answers -LOADING after each 1,000 commands
        rig.redis.eval("for n = 1, 14000 do redis.call('SET', 'ballast:' .. n, n) end", 0)
        with everything(rig) as stack, rig.load(ONCE, rate=20):
            for _ in range(3 if ALL else 1):
                rig.until_at_work()
                jobs = end_meanwhile(rig)
                HARM[harm](rig)
                if harm != "killed":
                    _kill(rig)
                assert_succeed(rig, stack, jobs)
            assert "errorstat_LOADING" in rig.redis.info("errorstats"), "no process asked while Redis was loading"
        for first in range(1, 14001, 1000):
            rig.redis.delete(*(f"ballast:{n}" for n in range(first, first + 1000)))

        report = rig.check(f"F31 with data, {harm}", once=True, succeed=True)
    assert_kept(report)
