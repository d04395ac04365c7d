"""A job can harm itself only: what it takes, leaves or destroys is no matter to the next one."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from taskdesk.jobs.job import Retention
from taskdesk.jobs.joblog import read_log
from taskdesk.jobs.statistics import last_runs
from taskdesk.worker.settings import WorkerSettings
from taskdesk.worker.supervisor.worker import TaskWorker
from tests.conftest import wait_until

RETENTION = Retention(result_ttl=100, failure_ttl=200)


@pytest.fixture
def run(jobs, registry, run_worker):
    """Let one worker run jobs, one after the other; the jobs after that."""

    def run(*calls):
        ids = [jobs.submit(registry.catalog.tasks[name], arguments, RETENTION).id for name, arguments in calls]
        run_worker()
        return [jobs.get(job_id) for job_id in ids]

    return run


@pytest.fixture
def results(run, jobs):
    return lambda *calls: [jobs.result(job) for job in run(*calls)]


def test_jobs_of_a_worker_share_a_process(results):
    assert results(("remembers", {}), ("remembers", {})) == [1, 2]


def test_a_task_may_ask_for_a_process_of_its_own(results):
    first, _, second, third = results(
        ("starts_afresh", {}), ("remembers", {}), ("starts_afresh", {}), ("starts_afresh", {})
    )

    assert [first[1], second[1], third[1]] == [1, 1, 1]
    assert len({first[0], second[0], third[0]}) == 3


def test_a_process_is_replaced_after_its_number_of_jobs(worker_settings, registry, redis, jobs):
    settings = worker_settings.model_copy(update={"recycle_jobs": 2})
    ids = jobs.submit_many(registry.catalog.tasks["remembers"], [{}] * 5, RETENTION)

    TaskWorker(settings, registry, redis).work(burst=True)

    assert [jobs.result(jobs.get(job_id)) for job_id in ids] == [1, 2, 1, 2, 1]


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


@pytest.mark.parametrize("how", [0, signal.SIGKILL, signal.SIGSEGV])
@pytest.mark.parametrize("lines", [0, 20_000])
def test_what_a_job_printed_before_its_process_died_is_in_its_log(run, redis, how, lines):
    failed, other = run(("dies_talking", {"how": how, "lines": lines}), ("lives_on", {}))

    log = read_log(redis, failed.id).text
    assert log.startswith("the beginning\n")
    assert log.endswith("last words\n")
    assert ("bytes left out" in log) == bool(lines)
    assert read_log(redis, other.id).text == "printed\nWARNING library: logged\n"


def test_a_process_that_a_job_forked_ends_no_log(run, redis):
    [job] = run(("forks_talking", {}))

    assert read_log(redis, job.id).text == "before\nafter\n"


@pytest.mark.parametrize(
    ("task", "arguments"), [("exits", {"status": 3}), ("is_deaf", {}), ("raises_the_unspeakable", {})]
)
def test_however_a_run_failed_it_counts_in_the_statistics_of_its_task_once(run, redis, task, arguments):
    run((task, arguments))

    assert last_runs(redis, f"tests.sample_tasks.{task}") == [(0, 1)]


@pytest.mark.parametrize(
    "call", [("takes_memory", {"megabytes": 50}), ("takes_cpu", {"seconds": 0.3}), ("writes", {"megabytes": 1})]
)
def test_within_the_limits_a_job_runs_as_often_as_one_likes(run, call):
    assert [job.status for job in run(*[call] * 6)] == ["succeeded"] * 6


def test_the_settings_limit_tasks_that_name_no_limit(worker_settings: WorkerSettings, registry, redis, jobs):
    settings = worker_settings.model_copy(update={"job_file_size": 1})
    job_id = jobs.submit(registry.catalog.tasks["large_file"], {}, RETENTION).id

    TaskWorker(settings, registry, redis).work(burst=True)

    assert "larger than the 1 MB" in jobs.get(job_id).error["detail"]


def test_a_job_that_ignores_its_time_limit_is_killed(run):
    deaf, other = run(("is_deaf", {}), ("echo", {"text": "a"}))

    assert (deaf.error["type"], other.status) == ("Timeout", "succeeded")


def test_a_job_that_takes_the_alarm_does_not_take_it_from_others(run):
    _, late = run(("takes_the_alarm", {}), ("never_ends", {}))

    assert (late.status, late.error["type"]) == ("failed", "Timeout")


def test_a_worker_is_idle_after_a_job_that_had_a_child(worker_process, jobs, registry, redis):
    job_id = jobs.submit(registry.catalog.tasks["forks"], {}, RETENTION).id
    wait_until(lambda: jobs.get(job_id).status == "succeeded")
    before = redis.info("commandstats")["cmdstat_evalsha"]["calls"]
    time.sleep(0.5)  # it is what does not happen that we wait for

    assert redis.info("commandstats")["cmdstat_evalsha"]["calls"] - before < 20


def test_a_job_that_forks_comes_back_once(run, jobs, redis):
    many = [("forks", {}), *[("remembers", {})] * 20]

    done = run(*many)

    assert [job.status for job in done] == ["succeeded"] * 21
    assert [jobs.result(job) for job in done[1:]] == list(range(1, 21))


def test_a_job_that_has_forked_is_stopped_as_any_other(worker_process, jobs, registry, tmp_path):
    job_id = jobs.submit(registry.catalog.tasks["forks_and_waits"], {"path": str(tmp_path / "never")}, RETENTION).id
    wait_until(lambda: jobs.get(job_id).progress)

    jobs.cancel(job_id)

    wait_until(lambda: jobs.get(job_id).status == "canceled")


def test_a_process_that_a_job_has_forked_ends_when_it_is_told_to(results):
    assert results(("ends_what_it_has_forked", {})) == [-signal.SIGTERM]


def test_a_process_that_a_job_has_started_ends_when_the_time_is_up(run, tmp_path):
    marker = tmp_path / "started"

    [job] = run(("starts_a_process", {"marker": str(marker)}))

    assert job.error["type"] == "Timeout"
    assert marker.exists()
    wait_until(lambda: not any(str(marker).encode() in command for command in _commands()), what="it has ended")


def _commands() -> Iterator[bytes]:
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        with suppress(OSError):
            yield path.read_bytes()


def test_what_a_job_changes_in_its_process_is_put_back(run, jobs, redis):
    messy, job = run(("makes_a_mess", {}), ("lives_on", {}))

    assert (messy.status, jobs.result(job)) == ("succeeded", f"True {os.getcwd()}")
    assert read_log(redis, job.id).text == "printed\nWARNING library: logged\n"


def test_a_job_that_has_made_its_folder_unusable_succeeds_and_so_does_the_next(run):
    assert [job.status for job in run(("spoils_its_folder", {}), ("lives_on", {}))] == ["succeeded"] * 2


def test_the_temporary_folder_is_empty_for_each_job(results):
    assert results(*[("leaves_a_file", {})] * 3) == [[], [], []]


def test_a_job_prefetched_behind_a_long_one_makes_way(worker_process, jobs, registry, redis, tmp_path):
    tasks = registry.catalog.tasks
    jobs.submit_many(tasks["echo"], [{"text": "a"}] * 300, RETENTION)
    long = jobs.submit(tasks["wait_for"], {"path": str(tmp_path / "go")}, RETENTION).id
    after = jobs.submit_many(tasks["echo"], [{"text": "b"}] * 2, RETENTION)

    # The first of them may be reserved for a moment, before it is known how long the long one takes.
    wait_until(lambda: jobs.get(long).status == "running")
    wait_until(lambda: [jobs.get(job_id).status for job_id in after] == ["queued", "queued"])

    assert redis.lrange("rq:queue:default", 0, -1) == [job_id.encode() for job_id in after]
    (tmp_path / "go").touch()
    wait_until(lambda: all(jobs.get(job_id).status == "succeeded" for job_id in [long, *after]))
