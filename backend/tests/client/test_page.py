"""Every line of Python in docs/client.md runs, on a real Redis with a real worker of the tasks that ship."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

from taskdesk.errors import JobNotFound
from taskdesk.worker.settings import WorkerSettings
from tests.pages import blocks

SUBMIT, FLASK, EVENTS, ERRORS = blocks("client.md", "python")


@pytest.fixture
def worker_settings(redis_url, tmp_path):
    return WorkerSettings(redis_url=redis_url, data_dir=tmp_path, tasks="tasks", _env_file=None)


@pytest.fixture
def run(redis_url, registry, run_worker, monkeypatch):
    """Run an example in a thread, and a worker beside it. Return the names that it has defined."""
    monkeypatch.setenv("REDIS_URL", redis_url)

    def run(*sources: str):
        names = {"__name__": __name__}
        with ThreadPoolExecutor(1) as executor:
            done = executor.submit(exec, "\n".join(sources).replace("redis://127.0.0.1:6379/0", redis_url), names)
            while not done.done():
                run_worker()
            done.result()
        return names

    return run


def test_three_lines_submit_a_job_and_print_its_result(run, capfd):
    run(SUBMIT)

    assert capfd.readouterr().out.endswith("prefix___a\n")


def test_a_flask_application_submits_jobs_and_shows_them(run, run_worker):
    names = run(FLASK, ERRORS.replace("app = Flask(__name__)", ""))
    client = names["app"].test_client()

    submitted = client.post("/greetings", data={"name": "Ann"})
    run_worker()

    shown = client.get(f"/greetings/{submitted.json['id']}")
    assert (submitted.status_code, shown.json) == (202, {"status": "succeeded", "result": "prefix___Ann"})
    unknown = client.get("/greetings/no-such-job")
    assert (unknown.status_code, unknown.json["title"]) == (404, JobNotFound("").title)


@pytest.mark.slow
def test_the_events_of_a_job_are_printed(run, capfd):
    run(SUBMIT.replace("print", "str"), EVENTS)

    printed = capfd.readouterr().out
    assert "progress {'percent': " in printed
    assert "state {'status': 'succeeded'}" in printed
