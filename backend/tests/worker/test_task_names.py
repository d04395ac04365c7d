"""A job may call a task by its name in the package, or by where its function stands, as RQ writes it."""

from __future__ import annotations

import pytest
from rq import Queue
from rq.serializers import JSONSerializer

from taskdesk.jobs.catalog import TaskSpec, announce, by_call
from taskdesk.jobs.catalog_reader import CatalogReader
from taskdesk.jobs.errors import TaskNotFound
from taskdesk.worker.shared.foreign_jobs import ForeignJobs
from tests.sample_tasks import good

PATHS = ["tests.sample_tasks.echo", "tests.sample_tasks.good.echo", good.echo]


@pytest.fixture
def queue(redis):
    return Queue("default", connection=redis, serializer=JSONSerializer)


@pytest.fixture
def paths(discover_source):
    """Discover files of tasks; return the name of the task that each name calls, without the package's."""

    def paths(**files: str) -> dict[str, str]:
        calls = discover_source(**files).by_call.items()
        return {name.removeprefix("some_tasks."): loaded.spec.name for name, loaded in calls}

    return paths


@pytest.mark.parametrize("function", PATHS)
def test_a_job_calls_a_task_by_its_reference_by_its_path_or_by_the_function_itself(
    client, queue, run_worker, registry, function
):
    job = queue.enqueue(function, "ab", times=2)

    run_worker()

    assert job.get_status() == "finished"
    assert job.return_value() == "abab"
    shown = client.get(f"/api/v1/jobs/{job.id}").json
    assert (shown["task"], shown["status"], shown["result"]["value"]) == ("echo", "succeeded", "abab")
    assert client.get("/api/v1/tasks/echo").json["last_runs"]["succeeded"] == 1


@pytest.mark.parametrize("function", PATHS)
def test_wrong_arguments_fail_whatever_name_the_job_has_for_its_task(queue, run_worker, redis, function):
    job = queue.enqueue(function, text="ab", times="many")

    run_worker()

    assert job.get_status() == "failed"
    assert "times" in redis.hget(job.key, "td_error").decode()


@pytest.mark.slow
@pytest.mark.parametrize(
    "function", ["os.getcwd", "tests.sample_tasks.good.os.getcwd", "tests.sample_tasks.good._helper", "good.echo"]
)
def test_what_is_not_announced_is_no_task_and_is_not_imported(queue, run_worker, function):
    job = queue.enqueue(function, "ab")

    run_worker()

    assert job.get_status() == "scheduled"  # handed back


def test_each_name_that_python_has_for_a_function_calls_its_task(paths):
    found = paths(
        **{
            "__init__": "def top(): ...",
            "mail": "def send(): ...\nold = send",
            "reports/monthly": "def report(): ...",
            "more": "from some_tasks._tools import *\ndef _helper(): ...\nrun = _helper\nuse = tool\nx = made()",
            "_tools": "def tool(): ...\ndef made(): return lambda: 1",
        }
    )

    assert found == {
        "top": "top",
        **{"send": "send", "mail.send": "send", "old": "old", "mail.old": "old"},
        **{"report": "report", "reports.monthly.report": "report"},
        **{"run": "run", "more.run": "run", "more._helper": "run"},
        **{"use": "use", "more.use": "use", "_tools.tool": "use"},
        **{"x": "x", "more.x": "x"},
    }


def test_a_file_whose_task_has_a_name_that_is_taken_has_no_path(paths):
    assert paths(a="def f(): ...", b="def f(): ...") == {"f": "f", "a.f": "f"}


def test_a_decorated_function_is_found_and_what_its_decorator_hides_is_not(paths):
    tools = "from functools import wraps\ndef keep(f):\n @wraps(f)\n def inner(): ...\n return inner\n"
    tools += "def hide(f):\n def inner(): ...\n return inner\n"

    found = paths(_tools=tools, a="from some_tasks._tools import *\n@keep\ndef f(): ...\n@hide\ndef g(): ...")

    assert found == {"f": "f", "a.f": "f", "g": "g", "a.g": "g"}


def spec(name: str, *paths: str) -> TaskSpec:
    rest = {"title": "", "description": "", "queue": "default", "timeout": 1, "retries": 0, "input_schema": {}}
    return TaskSpec(name=name, reference=f"tasks.{name}", paths=paths, **rest)


def test_the_name_of_a_task_goes_before_the_paths_of_others():
    tasks = [spec("new", "tasks.a.new"), spec("old", "tasks.a.old", "tasks.a.new"), spec("last", "tasks.new")]

    found = {name: one.name for name, one in by_call(tasks).items()}

    assert (found["tasks.new"], found["tasks.a.new"], found["tasks.a.old"]) == ("new", "new", "old")


def test_what_a_worker_announces_tells_the_paths_of_a_task(redis, registry):
    announce(redis, registry.catalog)
    announced = CatalogReader(redis).read()

    assert announced.task("tests.sample_tasks.good.echo").reference == "tests.sample_tasks.echo"
    assert announced.task("echo") is announced.task("tests.sample_tasks.echo")
    with pytest.raises(TaskNotFound):
        announced.task("tests.sample_tasks.good.nothing")


def test_a_worker_adopts_a_job_that_calls_its_task_by_a_path(registry):
    foreign = ForeignJobs()
    foreign.serve(registry.catalog)

    foreign.look([b"tests.sample_tasks.good.echo"])
    assert foreign.are_there
    foreign.look([b"tests.sample_tasks.good.nothing"])
    assert not foreign.are_there


@pytest.mark.slow
@pytest.mark.parametrize("path", ["tests.sample_tasks.starts_afresh", "tests.sample_tasks.greedy.starts_afresh"])
def test_the_options_of_a_task_hold_whatever_name_the_job_has_for_it(queue, run_worker, path):
    jobs = [queue.enqueue(path) for _ in range(3)]

    run_worker()

    assert len({job.return_value()[0] for job in jobs}) == 3  # isolated: each job has a process of its own
