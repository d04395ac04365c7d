"""A task may be an `async def`: it runs to its end, within its time limit, and can be canceled."""

from __future__ import annotations

import pytest
from rq import Queue
from rq.job import Job
from rq.serializers import JSONSerializer

from tests.conftest import wait_until


def test_an_async_task_runs_to_its_end_and_knows_its_job(run, jobs):
    [job] = run(("gathers", {"n": 1, "more": [2, 3]}))

    assert jobs.result(job) == {"doubled": [2, 4, 6], "job": job.id}
    assert job.progress.message == "half"


def test_one_job_after_another_has_a_loop_of_its_own(results):
    assert [result["doubled"] for result in results(*[("gathers", {"n": n}) for n in range(3)])] == [[0], [2], [4]]


@pytest.mark.slow
def test_a_decorator_that_is_no_async_def_changes_nothing(results):
    assert results(("decorated", {"n": 7})) == [7]


@pytest.mark.slow
def test_an_error_within_is_the_error_of_the_job(run):
    [job] = run(("fails_in_a_task", {}))

    assert (job.status, job.error["type"], job.error["detail"]) == ("failed", "ValueError", "from within")


def test_the_time_limit_ends_it_and_the_next_job_runs(run, jobs, tmp_path):
    slow, next_one = run(("sleeps", {"started": str(tmp_path / "started")}), ("gathers", {"n": 1}))

    assert (slow.status, slow.error["type"]) == ("failed", "Timeout")
    assert jobs.result(next_one)["doubled"] == [2]


def test_a_cancel_ends_it(worker_process, submit, jobs, tmp_path):
    job_id = submit("sleeps_long", started=str(tmp_path / "started"))
    wait_until((tmp_path / "started").exists)

    jobs.cancel(job_id)

    wait_until(lambda: jobs.get(job_id).status == "canceled")


@pytest.mark.parametrize(
    ("args", "kwargs", "arrives"),
    [
        ((1, 2, 3), {}, [1, [2, 3], {}]),
        ((1,), {"x": 5}, [1, [], {"x": 5}]),
        ((), {"first": 1, "y": 2}, [1, [], {"y": 2}]),
    ],
)
def test_plain_rq_calls_a_task_in_any_way_that_python_allows(
    redis, registry, run_worker, jobs, client, args, kwargs, arrives
):
    queue = Queue("default", connection=redis, serializer=JSONSerializer)
    job = queue.enqueue("tests.sample_tasks.asynchronous.takes_calls_of_rq", *args, **kwargs)

    run_worker()

    assert Job.fetch(job.id, redis, serializer=JSONSerializer).return_value() == arrives
    given = client.get(f"/api/v1/jobs/{job.id}").json["input"]
    assert (given["first"], given.get("others", []), given.get("named", {})) == tuple(arrives)
    assert client.post(f"/api/v1/jobs/{job.id}/retry").status_code == 202


def test_what_the_desk_submits_with_all_that_python_has_is_run_by_a_stock_worker_too(client, redis, registry):
    sent = {"first": 1, "others": [2], "named": {"x": 3}}
    job_id = client.post("/api/v1/tasks/takes_calls_of_rq/jobs", json=sent).json["id"]

    job = Job.fetch(job_id, redis, serializer=JSONSerializer)

    assert (job.args, job.kwargs) == ([1, 2], {"x": 3})
    assert client.get(f"/api/v1/jobs/{job_id}").json["input"] == sent
