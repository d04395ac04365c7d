"""Answers of Redis never arrive, although it has executed the commands: F14."""

from __future__ import annotations

import threading
import time
from collections import defaultdict

import pytest

from tests.conftest import Stack, wait_until
from tests.faults.catalog import ONCE
from tests.faults.harness import start_rig
from tests.faults.over_http import post, web
from tests.faults.reconciler import Snapshot
from tests.faults.scale import LIMIT, SEED, size

pytestmark = pytest.mark.timeout(LIMIT)
CLIENTS = 4
GRACE = 30  # seconds: enough for the end of a job to reach Redis despite lost answers; else the job may begin again
PATIENT = {"STOP_GRACE": str(GRACE)}


class Client(threading.Thread):
    """Submits jobs over HTTP, each with its own key, and repeats each until the job is accepted."""

    def __init__(self, stack: Stack, number: int):
        super().__init__(name=f"client {number}")
        self.ids: defaultdict[str, set[str]] = defaultdict(set)  # by key
        self.answers = 0
        self._stack = stack
        self._number = number
        self._ended = threading.Event()

    def run(self) -> None:
        while not self._ended.is_set():
            self.submit(f"client-{self._number}-{len(self.ids)}")

    def submit(self, key: str) -> None:
        self.ids[key]  # the key counts as sent, whatever is answered
        while True:
            answer = post(self._stack, "effect_high", **{"Idempotency-Key": key})
            self.answers += 1
            if answer.status in (200, 202):  # accepted before, or now
                self.ids[key].add(answer.job_id)
                return
            assert answer.status in (409, 503), answer
            time.sleep(0.05)

    def end(self) -> None:
        self._ended.set()
        self.join()


@pytest.mark.slow
@pytest.mark.parametrize("loss", size([0.1], [0.05, 0.25]))
def test_f14_a_lost_answer_makes_no_second_job_and_no_second_result(assert_kept, loss):
    """F14: a share of all answers to web and workers is swallowed, also while a worker stops. Each key has one job, and
    each job runs once.
    """
    with start_rig(SEED + 14) as rig, web(rig, 0, RATE_LIMIT="1000000/second") as stack:
        rig.until_online(*rig.fleet.start(2, **PATIENT))
        wait_until(lambda: stack.answers("/api/v1/tasks/effect_high"), what="the web knows the task")
        clients = [Client(stack, number) for number in range(CLIENTS)]
        with rig.load(ONCE):
            rig.until_at_work()
            rig.proxy.loss = loss
            for client in clients:
                client.start()
            for _ in range(size(1, 10)):
                time.sleep(3)
                leaving = rig.fleet.workers[-1]
                rig.fleet.start(**PATIENT)
                leaving.terminate()
                assert leaving.wait(GRACE + 10) == 0
            wait_until(lambda: any(client.answers > len(client.ids) for client in clients), what="an answer is lost")
            for client in clients:
                client.end()
            rig.proxy.loss = 0.0
            for client in clients:
                for key in client.ids:
                    client.submit(key)

        submitted = Snapshot(rig.redis).jobs.keys() - rig.ledger.tasks("accepted", "unknown")
        rig.adopt()
        report = rig.check(f"F14 {loss:.0%} of the answers lost", once=True, succeed=True)
    keys = {key: ids for client in clients for key, ids in client.ids.items()}
    twice = [key for key, ids in keys.items() if len(ids) != 1]
    report.expect(not twice, f"I9: {len(twice)} keys have more than one job: {twice[:3]}")
    report.expect(len(submitted) == len(keys), f"I9: {len(submitted)} jobs of {len(keys)} keys")
    assert_kept(report)
