"""The harness finds each fault: a test breaks each promise by hand, without a worker, and the verdict names it."""

from __future__ import annotations

import re
import subprocess
import time

import pytest
from redis.exceptions import ResponseError

from tests.faults import endings
from tests.faults.harness import Rig, start_rig
from tests.faults.ledger import ACCEPTED, REFUSED, UNKNOWN
from tests.faults.reconciler import Snapshot

TRACEBACK = 'ERROR it failed\nTraceback (most recent call last):\n  File "a.py", line 1\nValueError: no\nINFO goes on\n'


def _ran(rig: Rig, job_id: str, *events: str) -> None:
    with rig.effects.path.open("a") as file:
        for event in events:
            file.write(f"{job_id} {event} 1 {time.time():.3f}\n")


def _end(process: subprocess.Popen[bytes]) -> None:
    process.kill()
    process.wait()


def _names(problems: list[str], job_id: str) -> list[str]:
    return [re.sub(r":? .*", "", problem) for problem in problems if job_id in problem]


def test_the_verdict_names_what_is_broken():
    with start_rig(1) as rig:
        stuck = rig.submit("effect_high")
        lost, disowned = rig.submit("effect"), "00000000-0000-4000-8000-000000000000"
        unheard = rig.enqueue("not kept", "effect")  # is gone, and never ran
        early = rig.enqueue("dependent", "effect")
        twice = rig.submit("effect_once")
        rig.redis.delete(f"rq:job:{lost}", f"rq:job:{unheard}", "rq:queue:default")
        _ran(rig, early, "begin")
        _ran(rig, twice, "begin", "begin")
        _ran(rig, disowned, "begin")

        problems = rig.check("broken by hand", drain=0).problems

    assert _names(problems, stuck) == ["I5"]
    assert _names(problems, lost)[0] == "I1"
    assert "I3" in _names(problems, unheard)
    assert any("before the end" in problem for problem in problems if early in problem)
    assert "I3" in _names(problems, twice)
    assert _names(problems, disowned) == ["I4"]


@pytest.mark.parametrize("name", ["dependent", "waiting for ever", "dependent on any end"])
def test_what_waits_for_a_canceled_job_is_not_stuck(name):
    """RQ never queues it. The nemesis cancels a job while its dependent is being submitted."""
    with start_rig(1) as rig:
        waiting = rig.enqueue(name, "effect")
        rig.jobs.cancel(rig.ledger.entries(ACCEPTED)[waiting].parent)

        assert rig.is_drained()
        assert rig.check("a canceled job", drain=0).problems == []


def test_what_waits_for_a_failed_job_and_allows_that_is_stuck():
    with start_rig(1) as rig:
        waiting = rig.enqueue("dependent on any end", "effect")
        parent = rig.ledger.entries(ACCEPTED)[waiting].parent
        rig.redis.hset(f"rq:job:{parent}", "status", "failed")

        problems = rig.check("a forgotten dependent", drain=0).problems

    assert f"I5: stuck: job {waiting} is deferred, in ['deferred']; it waits for {parent}, which is failed" in problems


def test_a_dependent_that_rq_stored_before_redis_was_full_is_unknown(monkeypatch):
    """RQ's `enqueue` stores it with the set of its parent, then names its queue: two transactions."""
    enqueue = endings.enqueue

    def enqueue_until_full(*arguments, **options):
        enqueue(*arguments, **options)
        raise ResponseError("OOM command not allowed when used memory > 'maxmemory'.")

    monkeypatch.setattr(endings, "enqueue", enqueue_until_full)
    with start_rig(1) as rig:
        waiting, refused = rig.enqueue("dependent", "effect"), rig.enqueue("repeated", "effect")

        assert [*rig.ledger.entries(UNKNOWN)] == [waiting]
        assert [*rig.ledger.entries(REFUSED)] == [refused]


def test_the_history_is_complete_and_the_verdict_ignores_it():
    with start_rig(1) as rig:
        rig.add_history(1_000)

        assert rig.redis.dbsize() > 2_000
        assert Snapshot(rig.redis).jobs == {}
        assert rig.check("a history").problems == []
        jobs, _ = rig.jobs.page(1)
        assert (jobs[0].status, rig.jobs.result(jobs[0])) == ("succeeded", "done")


def test_a_rig_whose_log_has_a_traceback_fails():
    with pytest.raises(AssertionError, match="ValueError: no"), start_rig(1) as rig:
        (rig.folder / "workers.log").write_text(TRACEBACK)

    with start_rig(1, expected=re.compile("^ValueError: no$", re.MULTILINE)) as rig:
        (rig.folder / "workers.log").write_text(TRACEBACK)


def test_a_rig_whose_worker_ended_by_itself_fails():
    with pytest.raises(AssertionError, match="ended by themselves"), start_rig(1) as rig:
        _end(rig.fleet.start()[0].process)
