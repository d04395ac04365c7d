"""A job over a limit fails with a sentence that names it, and harms no other job."""

from __future__ import annotations

import pytest

from taskdesk.jobs.job import Retention
from taskdesk.worker.settings import WorkerSettings
from taskdesk.worker.supervisor.worker import TaskWorker
from tests.conftest import preloaded

RETENTION = Retention(result_ttl=100, failure_ttl=200)


@pytest.mark.parametrize(
    ("call", "sentence"),
    [
        (("takes_memory", {"megabytes": 400}), "200 MB of memory that it may use"),
        (("takes_cpu", {"seconds": 30}), "more CPU time than it may"),
        (("writes", {"megabytes": 2}), "larger than the 1 MB that it may"),
        (("exits", {"status": 3}), "exit status 3"),
        (("exits", {"status": 0}), "exit status 0"),
        (("exits", {"status": 75}), "exit status 75"),
        (("leaves", {}), "sys.exit(2)"),
        (("raises_the_unspeakable", {}), "_Unspeakable"),
        (("crashes", {}), "signal 11"),
    ],
)
def test_a_job_that_takes_too_much_or_its_process_fails_with_a_sentence(run, call, sentence):
    failed, *others = run(call, call, ("echo", {"text": "a"}))

    assert (failed.status, others[0].status, others[1].status) == ("failed", "failed", "succeeded")
    assert sentence in failed.error["detail"]


@pytest.mark.slow
@pytest.mark.parametrize(
    "call", [("takes_memory", {"megabytes": 50}), ("takes_cpu", {"seconds": 0.3}), ("writes", {"megabytes": 1})]
)
def test_within_the_limits_a_job_runs_as_often_as_one_likes(run, call):
    assert [job.status for job in run(*[call] * 6)] == ["succeeded"] * 6


def test_the_settings_limit_tasks_that_name_no_limit(worker_settings: WorkerSettings, registry, redis, jobs):
    settings = worker_settings.model_copy(update={"job_file_size": 1})
    job_id = jobs.submit(registry.catalog.tasks["large_file"], {}, RETENTION).id

    TaskWorker(settings, preloaded(registry), redis).work(burst=True)

    assert "larger than the 1 MB" in jobs.get(job_id).error["detail"]


@pytest.mark.slow
def test_a_job_that_ignores_its_time_limit_is_killed(run):
    deaf, other = run(("is_deaf", {}), ("echo", {"text": "a"}))

    assert (deaf.error["type"], other.status) == ("Timeout", "succeeded")


@pytest.mark.slow
def test_the_alarm_of_a_task_is_not_called_its_time_limit_which_holds_after_it(run):
    alarmed, late = run(("sets_an_alarm", {}), ("sets_an_alarm", {"ignores_it": True}))

    assert (alarmed.status, alarmed.error["type"], alarmed.error["title"]) == ("failed", "OwnAlarm", "Alarm")
    assert "The task's own signal.alarm() or signal.setitimer() went off" in alarmed.error["detail"]
    assert (late.status, late.error["type"]) == ("failed", "Timeout")


@pytest.mark.slow
def test_a_job_that_takes_the_alarm_does_not_take_it_from_others(run):
    _, late = run(("takes_the_alarm", {}), ("never_ends", {}))

    assert (late.status, late.error["type"]) == ("failed", "Timeout")
