"""The fixture `desk` of taskdesk.testing: what it runs is what a worker would run."""

from __future__ import annotations

import subprocess
import sys
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from taskdesk import current_job, errors
from taskdesk.testing import desk as desk
from tests.pages import blocks


@pytest.fixture(scope="session")
def taskdesk_tasks() -> str:
    return "tests.sample_tasks"


def test_a_job_has_ended_when_it_is_submitted(desk):
    job = desk.submit("echo", text="ab", times=2)

    assert (job.status, job.result, job.error) == ("succeeded", "abab", None)
    assert job.wait(timeout=0).job.input == {"text": "ab", "times": 2}
    assert desk.job(job.id).result == "abab"


def test_arguments_are_checked_and_results_are_json_as_with_a_worker(desk):
    job = desk.submit("every_kind", day=date(2026, 3, 29), numbers=(1, 2), color="blue")

    assert job.result["day"] == "2026-03-29"
    assert job.result["color"] == "BLUE"
    with pytest.raises(errors.InvalidArguments, match=r"times: Must be at most 3\."):
        desk.submit("echo", text="a", times=9)
    with pytest.raises(errors.TaskNotFound) as caught:
        desk.submit("ecco")
    assert "TASKS=tests.sample_tasks has the tasks " in str(caught.value.__cause__)


def test_files_go_in_and_come_out(desk, tmp_path):
    (tmp_path / "table.csv").write_text("a,b\n")

    assert desk.submit("count_bytes", data=tmp_path / "table.csv").result == 4
    assert desk.submit("count_in_files", files=[tmp_path / "table.csv", b"bytes"]).result == {"table.csv": 4, "": 5}
    assert desk.submit("names_a_file", name="a.txt").result["one"]["size"] == 5


def test_a_job_that_fails_says_why_and_its_result_is_an_error_with_the_cause(desk):
    job = desk.submit("raises")

    assert (job.status, job.error["type"]) == ("failed", "ValueError")
    with pytest.raises(errors.NoResult) as caught:
        _ = job.result
    assert isinstance(caught.value.__cause__, ValueError)


def test_a_result_that_a_worker_could_not_store_fails_the_job(desk):
    job = desk.submit("returns_what_json_has_not")

    assert (job.status, job.error["type"]) == ("failed", "UnstorableResult")


def test_options_are_checked_and_nothing_waits(desk):
    tomorrow = datetime.now(UTC) + timedelta(days=1)

    job = desk.submit("echo", text="a", queue="low", at=tomorrow, key="k", tags=["x"])

    assert (job.status, job.job.queue, job.job.tags) == ("succeeded", "low", ("x",))
    assert desk.submit("echo", text="a", queue="low", at=tomorrow, key="k", tags=["x"]).id == job.id
    with pytest.raises(errors.IdempotencyKeyReused):
        desk.submit("echo", text="b", key="k")
    with pytest.raises(errors.InvalidArguments, match="There is no queue 'nowhere'"):
        desk.submit("echo", text="a", queue="nowhere")


def test_progress_is_an_event_and_the_job_is_over_for_the_test(desk, capfd):
    job = desk.submit("talk")
    events = [(event.type, event.data) for event in job.events()]

    assert events == [
        ("progress", {"percent": 25.0, "current": 1.0, "total": 4.0, "message": "a quarter"}),
        ("state", {"status": "succeeded"}),
    ]
    assert "printed line" in capfd.readouterr().out
    assert job.result == f"entered {job.id}"
    assert current_job().job_id == "local"
    job.cancel()
    assert job.status == "succeeded"
    with pytest.raises(errors.JobNotFound):
        desk.job("0" * 36)


@pytest.mark.slow
def test_the_example_of_the_page_passes_in_a_project_of_its_own(tmp_path: Path):
    (tmp_path / "tasks").mkdir()
    (tmp_path / "tasks" / "__init__.py").touch()  # else the tasks of this repository come first
    for source in blocks("testing-your-tasks.md", "python"):
        name = source.splitlines()[0].removeprefix("# ")
        (tmp_path / name).write_text(source)

    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:schemathesis", "-p", "no:cacheprovider", str(tmp_path)],
        cwd=tmp_path, env={"PYTHONPATH": str(tmp_path)}, capture_output=True, text=True,
    )  # fmt: skip

    assert "3 passed" in done.stdout, done.stdout
