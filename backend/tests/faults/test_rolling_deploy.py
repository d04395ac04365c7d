"""F32: two versions of a tasks package on one Redis. A job that one worker cannot run is run by another, or waits."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from taskdesk.jobs.catalog import TaskSpec
from taskdesk.jobs.catalog_reader import CatalogReader
from taskdesk.jobs.fields import FOREIGN
from taskdesk.jobs.jobs import Jobs
from taskdesk.jobs.keys import foreign_key, statistics_key
from tests.conftest import wait_until
from tests.faults.catalog import CATALOG, KEPT
from tests.faults.fleet import Worker
from tests.faults.harness import Rig, start_rig
from tests.faults.reconciler import Snapshot
from tests.faults.scale import ALL, LIMIT

pytestmark = pytest.mark.timeout(LIMIT)

HEAD = """
from taskdesk import task
from tests.faults import effects

def _leave():
    effects.leave("begin")
    effects.leave("end")
    return "done"

def stays() -> str:
    return _leave()
"""
OLD = f"""{HEAD}
@task(retries=1)
def changed(size: int = 1) -> str:
    return _leave()

def removed() -> str:
    return _leave()
"""
NEW = f"""{HEAD}
@task(retries=1)
def changed(size: int = 1, *, unit: str) -> str:
    return _leave()

def added() -> str:
    return _leave()

@task(at_most_once=True)
def added_once() -> str:
    return _leave()
"""


class Deploy:
    """A rig whose workers serve one of two versions of the package `rolling`."""

    def __init__(self, rig: Rig):
        self.rig = rig
        self.catalog = CatalogReader(rig.redis)
        for version, source in {"old": OLD, "new": NEW}.items():
            package = rig.folder / version / "rolling"
            package.mkdir(parents=True)
            (package / "__init__.py").write_text(source)

    def start(self, version: str, *, program: tuple[str, ...] = ("worker.py",), **settings: str) -> Worker:
        folder = str(self.rig.folder / version)
        [worker] = self.rig.fleet.start(program=program, TASKS="rolling", PYTHONPATH=folder, **settings)
        self.rig.until_online(worker)
        return worker

    def submit(self, task: str, count: int = 1, *, retries: int = 0, **arguments: object) -> list[str]:
        """Submit jobs of a task, whether a worker announces it or not."""
        spec: TaskSpec = CATALOG.tasks["effect"].model_copy(
            update={"name": task, "reference": f"rolling.{task}", "retries": retries}
        )
        ids = self.rig.jobs.submit_many(spec, [arguments] * count, KEPT)
        for job_id in ids:
            self.rig.ledger.intend(job_id, "effect")
            self.rig.ledger.settle(job_id, "accepted")
        return ids

    def handed_back(self) -> int:
        return int(self.rig.redis.zcard(foreign_key("default")))

    def until_handed_back(self, count: int = 1) -> None:
        wait_until(lambda: self.handed_back() == count, what=f"{count} jobs are handed back")

    def statuses(self, ids: list[str]) -> set[str]:
        return {job.status for job in self.rig.jobs.load(ids)}

    def until(self, ids: list[str], status: str, *, seconds: float = 60) -> None:
        wait_until(lambda: self.statuses(ids) == {status}, seconds=seconds, what=f"{len(ids)} jobs are {status}")


@pytest.fixture
def deploy() -> Iterator[Deploy]:
    with start_rig(32) as rig:
        yield Deploy(rig)


@pytest.mark.slow
def test_jobs_of_a_new_task_wait_while_old_workers_run_and_all_succeed_with_the_first_new_one(deploy, assert_kept):
    deploy.start("old")
    ids = deploy.submit("added", 1_000 if ALL else 50)
    once = deploy.submit("added_once")
    deploy.until_handed_back(len(ids + once))
    known = deploy.submit("stays", 20)
    deploy.until(known, "succeeded")  # the worker is free for the tasks that it serves

    deploy.start("new")
    deploy.until(ids + once, "succeeded")
    assert_kept(deploy.rig.check("F32 a new task", once=True, succeed=True))


@pytest.mark.slow
def test_jobs_of_a_changed_task_run_by_the_version_that_takes_them_and_lose_no_attempt(deploy, assert_kept):
    deploy.start("old")
    deploy.start("new")

    ids = deploy.submit("changed", 20, retries=1) + deploy.submit("changed", 20, retries=1, unit="m")
    deploy.until(ids, "succeeded")

    assert {job.attempt for job in map(deploy.rig.jobs.get, ids)} == {1}
    assert all(not job.attempts for job in map(deploy.rig.jobs.get, ids))
    assert b"failed" not in deploy.rig.redis.hgetall(statistics_key("rolling.changed"))
    assert_kept(deploy.rig.check("F32 a changed task", once=True, succeed=True))


@pytest.mark.slow
def test_jobs_of_a_removed_task_run_while_an_old_worker_is_there(deploy, assert_kept):
    deploy.start("new")
    ids = deploy.submit("removed", 10)
    deploy.until_handed_back(10)

    deploy.start("old")
    deploy.until(ids, "succeeded")

    assert_kept(deploy.rig.check("F32 a removed task", once=True, succeed=True))


@pytest.mark.slow
def test_arguments_that_every_version_refuses_fail_at_once(deploy):
    deploy.start("old")
    deploy.start("new")

    [job_id] = deploy.submit("changed", length=3)

    job = deploy.rig.until_final(job_id)
    assert (job.status, job.error["type"]) == ("failed", "InvalidArguments")


@pytest.mark.slow
def test_a_foreign_job_amid_short_jobs_is_handed_back_and_no_other_is_disturbed(deploy, assert_kept):
    first = deploy.submit("stays", 200)
    foreign = deploy.submit("added", 3)
    then = deploy.submit("stays", 200)

    deploy.start("old")
    deploy.until(first + then, "succeeded")
    deploy.until_handed_back(3)
    deploy.start("new")
    deploy.until(foreign, "succeeded")

    assert_kept(deploy.rig.check("F32 amid short jobs", once=True, succeed=True))


@pytest.mark.slow
def test_a_job_that_no_worker_serves_says_so_and_fails_after_foreign_ttl(deploy):
    deploy.start("old", FOREIGN_TTL="4")
    [job_id] = deploy.submit("added", retries=3)
    deploy.until_handed_back()

    waiting = deploy.rig.jobs.get(job_id)
    failed = deploy.rig.until_final(job_id)

    assert (waiting.status, waiting.wait.reason) == ("waiting", "No worker here serves rolling.added.")
    assert (failed.status, failed.error["type"], failed.attempts) == ("failed", "NotServed", ())
    assert "within 4 s (FOREIGN_TTL). No worker here serves rolling.added." in failed.error["detail"]
    assert (failed.ended_at - failed.created_at).total_seconds() >= 4
    assert deploy.rig.fleet.log().count(f"job {job_id} is handed back") == 1
    assert not list(Snapshot(deploy.rig.redis).astray())


def _cancel(jobs: Jobs, job_id: str) -> None:
    assert jobs.cancel(job_id) == ["scheduled"]


def _delete(jobs: Jobs, job_id: str) -> None:
    assert jobs.delete(job_id)


@pytest.mark.slow
@pytest.mark.parametrize("end", [_cancel, pytest.param(_delete, marks=pytest.mark.slow)])
def test_a_job_that_is_canceled_or_deleted_while_it_is_handed_back_never_runs(deploy, end: Callable[..., None]):
    deploy.start("old")
    gone, stays = deploy.submit("added", 2)
    deploy.until_handed_back(2)
    wait_until(lambda: deploy.rig.redis.hexists(f"rq:job:{gone}", FOREIGN), what="it waits")

    end(deploy.rig.jobs, gone)
    assert not any(gone.encode() in entry for entry in deploy.rig.redis.zrange(foreign_key("default"), 0, -1))
    deploy.start("new")
    deploy.until([stays], "succeeded")

    assert not deploy.rig.effects.of(gone)
    assert not list(Snapshot(deploy.rig.redis).astray())


HARM = """
import os, pathlib, signal, time
import taskdesk.worker.supervisor.hang_detector, worker
from taskdesk.worker.child.completion import Completion

taskdesk.worker.supervisor.hang_detector.HANG_SECONDS = 3
hand_back, left = Completion._hand_back, pathlib.Path(os.environ["HARM"])

def harmed(completion, *arguments):
    deaths = left.read_text().splitlines()
    left.write_text("\\n".join(deaths[1:]))
    if deaths and deaths[0] == "dies":
        os.kill(os.getpid(), signal.SIGKILL)
    if deaths and deaths[0] == "hangs":
        time.sleep(100)
    return hand_back(completion, *arguments)

Completion._hand_back = harmed
raise SystemExit(worker.main())
"""


def _start_harmed(deploy: Deploy, *harm: str) -> None:
    """Start an old worker whose child dies or hangs, as told, when it hands back its first jobs."""
    left = deploy.rig.folder / "harm"
    left.write_text("\n".join(harm))
    deploy.start("old", program=("-c", HARM), HARM=str(left))


@pytest.mark.slow
@pytest.mark.parametrize("harm", ["dies", pytest.param("hangs", marks=pytest.mark.slow)])
def test_a_child_that_dies_before_it_has_handed_a_job_back_costs_no_attempt(deploy, assert_kept, harm):
    _start_harmed(deploy, harm)
    [job_id] = deploy.submit("added_once")
    deploy.until_handed_back()

    assert not deploy.rig.jobs.get(job_id).attempts
    deploy.start("new")
    deploy.until([job_id], "succeeded")

    assert deploy.rig.jobs.get(job_id).attempt == 1
    assert_kept(deploy.rig.check(f"F32 the child {harm}", once=True, succeed=True))


@pytest.mark.slow
def test_a_job_that_kills_each_child_that_would_hand_it_back_fails(deploy):
    _start_harmed(deploy, *["dies"] * 9)
    [job_id] = deploy.submit("added")

    job = deploy.rig.until_final(job_id)

    assert (job.status, job.error["type"]) == ("failed", "WorkerLost")


def test_the_newest_version_is_offered_and_arguments_of_an_older_one_are_accepted(deploy):
    deploy.start("old")
    deploy.start("new")

    tasks = deploy.catalog.read().tasks

    assert set(tasks) == {"stays", "changed", "removed", "added", "added_once"}
    assert set(tasks["changed"].parameters) == {"size", "unit"}
    assert [set(other.parameters) for other in tasks["changed"].others] == [{"size"}]


@pytest.mark.slow
def test_a_pickle_is_handed_back_and_never_loaded(deploy, tmp_path: Path):
    canary = tmp_path / "canary"
    [job_id] = deploy.submit("stays")
    deploy.rig.redis.hset(f"rq:job:{job_id}", "data", f"cos\nsystem\n(S'touch {canary}'\ntR.")
    deploy.start("old", FOREIGN_TTL="3")
    deploy.until_handed_back()

    reason = deploy.rig.jobs.get(job_id).wait.reason
    failed = deploy.rig.until_final(job_id)

    assert reason == "No worker here can read the job's data, which is no JSON."
    assert (failed.status, failed.error["type"]) == ("failed", "NotServed")
    assert not canary.exists()
