"""What an application can do with a Desk, on a real Redis, with jobs that a real worker runs."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from io import BytesIO, StringIO
from pathlib import Path

import pytest
from pydantic import SecretStr
from werkzeug.datastructures import FileStorage

import taskdesk
from taskdesk import Desk, errors
from taskdesk.jobs import errors as jobs_errors
from taskdesk.service.errors import AppError
from tests.conftest import BACKEND, free_port
from tests.sample_tasks.good import Color


@pytest.fixture
def beside() -> Iterator[ThreadPoolExecutor]:
    """A thread of the application: the worker needs the main one."""
    with ThreadPoolExecutor(1) as executor:
        yield executor


def test_a_job_runs_and_its_handle_tells_what_came_of_it(desk, run_worker):
    job = desk.submit("echo", text="ab", times=2)
    assert job.status == "queued"

    run_worker()

    assert (job.status, job.result, job.error) == ("succeeded", "abab", None)
    assert job.wait(timeout=0) is job
    assert desk.job(job.id).result == "abab"


def test_options_decide_where_when_and_under_which_tags_a_job_runs(desk):
    tomorrow = datetime.now(UTC) + timedelta(days=1)

    job = desk.submit("echo", text="a", queue="low", at=tomorrow, tags=["monthly", "acme"]).job

    assert (job.status, job.queue, job.tags) == ("scheduled", "low", ("monthly", "acme"))
    assert abs(job.scheduled_at - tomorrow) < timedelta(seconds=1)


def test_the_same_key_returns_the_job_of_the_first_submit(desk):
    first = desk.submit("echo", text="a", key="order 7")

    assert desk.submit("echo", text="a", key="order 7").id == first.id
    with pytest.raises(errors.IdempotencyKeyReused, match="order 7"):
        desk.submit("echo", text="b", key="order 7")


def test_python_values_arrive_as_the_api_would_send_them(desk, client, run_worker):
    given = {"color": Color.BLUE, "day": datetime(2026, 3, 29).date(), "numbers": (3, 4), "maybe": None}
    sent = {"color": "blue", "day": "2026-03-29", "numbers": [3, 4], "maybe": None}

    job = desk.submit("every_kind", given)
    other = client.post("/api/v1/tasks/every_kind/jobs", json=sent).json["id"]
    run_worker()

    assert job.job.input == sent
    assert job.result == desk.job(other).result


@pytest.mark.parametrize(
    "file",
    [
        Path(__file__),
        b"four",
        BytesIO(b"four"),
        FileStorage(BytesIO(b"four"), filename="C:\\table.csv", content_type="text/csv"),
    ],
    ids=["path", "bytes", "open file", "Flask's file"],
)
def test_a_file_is_a_path_bytes_or_an_open_file(desk, run_worker, file):
    job = desk.submit("count_bytes", data=file)

    run_worker()

    assert job.result == (Path(__file__).stat().st_size if isinstance(file, Path) else 4)
    [name] = [file.filename for file in job.job.uploads["data"]]
    assert name == {Path: "test_desk.py", FileStorage: "table.csv"}.get(
        type(file), "" if file != Path(__file__) else name
    )


WRONG = {
    "a value": ({"times": 9, "text": "a"}, "/times", "Must be at most 3."),
    "a name": ({"text": "a", "txt": "b"}, "/txt", "The task has no such parameter."),
    "nothing": ({}, "/text", "Required."),
    "NaN": ({"text": float("nan")}, "/text", "This is no JSON: it has no NaN. Use null, or leave it out."),
    "an object": ({"text": object()}, "/text", "This can't be written as JSON: Unable to serialize unknown type"),
    "half a character": ({"text": "\ud800"}, "/text", "This can't be written as JSON: "),
}


@pytest.mark.parametrize("case", WRONG)
def test_wrong_arguments_are_refused_with_the_sentences_of_the_api(desk, client, case):
    arguments, pointer, sentence = WRONG[case]

    with pytest.raises(errors.InvalidArguments) as caught:
        desk.submit("echo", arguments)

    [error] = caught.value.errors
    assert (error.pointer, caught.value.status) == (pointer, 422)
    assert error.detail.startswith(sentence)
    if case in ("a value", "a name", "nothing"):
        answer = client.post("/api/v1/tasks/echo/jobs", json=arguments).json
        assert answer["errors"] == [{"pointer": pointer, "detail": error.detail}]
        assert (answer["title"], answer["detail"]) == (caught.value.title, str(caught.value))


@pytest.mark.parametrize("argument", ["a", 1, ["a"]])
def test_an_argument_needs_its_name(desk, argument):
    with pytest.raises(errors.InvalidArguments, match=r'by its name: submit\("echo", text=…\)'):
        desk.submit("echo", argument)


@pytest.mark.parametrize(
    ("file", "sentence"),
    [
        (Path("missing.csv"), "missing.csv can't be read: No such file or directory."),
        ("missing.csv", "Must be a file: pass a Path, bytes, or a file that is open in binary mode."),
        (StringIO("text"), "Must be a file: pass a Path"),
        (b"", "The file is empty: choose one that has content."),
    ],
    ids=["missing", "text", "text file", "empty"],
)
def test_what_is_no_file_is_refused(desk, file, sentence):
    with pytest.raises(errors.InvalidArguments) as caught:
        desk.submit("count_bytes", data=file)

    assert [error.pointer for error in caught.value.errors] == ["/data"]
    assert caught.value.errors[0].detail.startswith(sentence)


OPTIONS = {
    "queue": ("nowhere", "There is no queue 'nowhere'. Choose one of: high, default, low."),
    "at": (datetime(2026, 12, 1), "Must be a date and time with a zone"),
    "key": ("x" * 256, "Must be 1 to 255 printable ASCII characters."),
    "tags": (["two words"], "A job may have 10 tags"),
}


@pytest.mark.parametrize("name", OPTIONS)
def test_a_wrong_option_is_refused(desk, name):
    value, sentence = OPTIONS[name]

    with pytest.raises(errors.InvalidArguments, match=f"{name.rstrip('s')}: {sentence[:30]}"):
        desk.submit("echo", text="a", **{name: value})


def test_parameters_with_names_of_options_stand_in_arguments(desk):
    with pytest.raises(errors.InvalidArguments) as caught:
        desk.submit("takes_names_of_options", queue="high")
    assert caught.value.errors[0].pointer == "/queue"
    assert 'arguments={"queue": …}' in caught.value.errors[0].detail
    with pytest.raises(errors.InvalidArguments, match="Pass it once"):
        desk.submit("takes_names_of_options", {"task": "a"}, task="b")

    job = desk.submit("takes_names_of_options", {"queue": "mine", "at": 3, "key": "k"}, queue="low", task="t").job

    assert job.input == {"queue": "mine", "at": 3, "key": "k", "task": "t"}
    assert job.queue == "low"


def test_a_secret_arrives_and_is_shown_nowhere(desk, run_worker):
    job = desk.submit("takes_a_password", password=SecretStr("correct horse"))

    run_worker()

    assert job.result == len("correct horse")


def test_an_unknown_task_or_job_is_an_error_of_the_api(desk):
    with pytest.raises(errors.TaskNotFound, match="No worker has announced a task named 'ecco'"):
        desk.submit("ecco")
    with pytest.raises(errors.JobNotFound):
        desk.job("0" * 36)


def test_nothing_waits_for_a_job_whose_key_holds_no_hash(desk, redis):
    job = desk.submit("echo", text="a")
    redis.delete(f"rq:job:{job.id}")
    redis.rpush(f"rq:job:{job.id}", "x")

    assert "Unreadable" in job.wait(timeout=10).job.summary
    for ask in (lambda: next(job.events()), lambda: job.status, lambda: job.result):
        with pytest.raises(errors.UnreadableJob, match="can only be deleted"):
            ask()


def test_the_result_of_a_job_without_one_is_an_error_that_says_its_status(desk, run_worker):
    job = desk.submit("raises")
    with pytest.raises(errors.NoResult, match="it is queued"):
        _ = job.result

    run_worker()

    with pytest.raises(errors.NoResult, match="it is failed"):
        _ = job.result
    assert job.error["type"] == "ValueError"


def test_waiting_ends_with_the_job_or_with_a_timeout_error(desk, beside, run_worker):
    job = desk.submit("echo", text="a")
    with pytest.raises(TimeoutError, match=rf"Job {job.id} has not ended within 0\.1 s\."):
        job.wait(timeout=0.1)

    ended = beside.submit(job.wait)
    run_worker()

    assert ended.result(timeout=60).result == "a"


def test_a_job_is_canceled_and_its_handle_says_so(desk):
    job = desk.submit("echo", text="a")

    job.cancel()
    job.cancel()

    assert job.wait(timeout=1).status == "canceled"
    with pytest.raises(errors.JobNotFound):
        desk.job(job.id)._source.cancel("0" * 36)


def test_events_come_as_they_happen_and_end_with_the_job(desk, beside, run_worker):
    job = desk.submit("talk")
    events = job.events()
    first = next(events)

    listening = beside.submit(list, events)
    run_worker()
    rest = listening.result(timeout=60)

    assert (first.type, first.data) == ("state", {"status": "queued"})
    assert (rest[-1].type, rest[-1].data) == ("state", {"status": "succeeded"})
    assert "printed line" in "".join(event.data["text"] for event in rest if event.type == "log")
    assert {"percent": 25.0, "current": 1.0, "total": 4.0, "message": "a quarter"} in [
        event.data for event in rest if event.type == "progress"
    ]
    assert [event.data for event in job.events() if event.type != "state"] == [
        event.data for event in rest if event.type != "state"
    ]


def test_without_redis_a_desk_is_made_and_its_jobs_are_refused_as_by_the_api():
    desk = Desk.connect(f"redis://127.0.0.1:{free_port()}/0")

    with pytest.raises(errors.RedisAway) as caught:
        desk.submit("echo", text="a")
    assert (caught.value.status, caught.value.title) == (503, "Queue unavailable")


def test_the_variables_of_an_application_are_no_settings_of_its_desk(redis_url, registry, monkeypatch):
    for name, value in {"ENV": "staging", "LOG_DIR": "/nowhere", "APP_PORT": "x"}.items():
        monkeypatch.setenv(name, value)

    assert Desk.connect(redis_url).submit("echo", text="a").status == "queued"


def test_a_wrong_address_is_a_sentence_that_names_the_setting():
    with pytest.raises(errors.SettingsError, match="REDIS_URL: it has to look like redis://"):
        Desk.connect("127.0.0.1:6379")


def test_without_an_address_it_is_the_one_of_the_environment(redis_url, registry, monkeypatch):
    monkeypatch.setenv("REDIS_URL", redis_url)

    assert Desk.connect().submit("echo", text="a").status == "queued"


def test_threads_share_a_desk(desk, redis):
    def submit(number: int) -> None:
        ids.append(desk.submit("echo", text=str(number)).id)

    ids: list[str] = []
    threads = [threading.Thread(target=submit, args=(number,)) for number in range(50)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(set(ids)) == redis.llen("rq:queue:default") == 50


GREENLETS = """
from gevent import monkey; monkey.patch_all()
import os, sys, gevent
from taskdesk import Desk
desk = Desk.connect(sys.argv[1])
jobs = [gevent.spawn(desk.submit, "echo", text=str(n)) for n in range(20)]
gevent.joinall(jobs, raise_error=True)
def wait():
    try:
        jobs[0].value.wait(0.3)
    except TimeoutError:
        return "timed out"
others = gevent.spawn(wait)
turns = 0
while not others.ready():
    gevent.sleep(0.01); turns += 1
pid = os.fork()
if pid == 0:
    desk.submit("echo", text="of a fork"); os._exit(0)
assert os.waitpid(pid, 0)[1] == 0
print(len({job.value.id for job in jobs}), turns > 5, others.value)
"""


def test_greenlets_and_forks_share_a_desk(redis_url, registry, redis):
    command = [sys.executable, "-c", GREENLETS, redis_url]
    done = subprocess.run(command, cwd=BACKEND, capture_output=True, text=True)

    assert (done.stdout, done.stderr) == ("20 True timed out\n", "")
    assert redis.llen("rq:queue:default") == 21


def test_an_author_of_tasks_imports_neither_redis_nor_the_client():
    program = "import taskdesk, sys, json; print(json.dumps([name for name in sys.modules]))"
    listed = subprocess.run([sys.executable, "-c", program], cwd=BACKEND, capture_output=True, text=True, check=True)
    loaded = set(json.loads(listed.stdout))

    assert not loaded & {"redis", "rq", "taskdesk.client", "jsonschema_rs"}
    assert "Desk" in taskdesk.__all__
    with pytest.raises(AttributeError, match="has no attribute 'desk'"):
        _ = taskdesk.desk


def test_the_errors_that_a_submit_raises_have_public_names():
    names = {"InvalidArguments", "TaskNotFound", "JobNotFound", "JobExpired", "NoResult", "NoRoom", "RedisAway"}

    assert names <= set(errors.__all__)
    assert all(issubclass(getattr(errors, name), AppError) for name in set(errors.__all__) - {"FieldError"})
    assert errors.InvalidArguments is jobs_errors.InvalidArguments


@pytest.mark.slow
def test_a_type_checker_knows_the_types_of_a_desk(tmp_path):
    program = tmp_path / "program.py"
    program.write_text(
        "from taskdesk import Desk\n"
        "job = Desk.connect().submit('simple_task', task_arg='a', queue='low')\n"
        "reveal_type(job.status)\n"
        "job.wait(timeout='soon')\n"
    )
    command = [sys.executable, "-m", "mypy", "--cache-dir", str(tmp_path), "--config-file", "", str(program)]
    output = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True).stdout

    assert 'Revealed type is "taskdesk.jobs.status.Status"' in output
    assert 'incompatible type "str"; expected "float | None"' in output
