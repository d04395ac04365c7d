"""The tutorials' routes: their words, their refusals, and when they are there."""

from __future__ import annotations

import json

import pytest

from taskdesk.service.errors import SettingsError
from taskdesk.service.settings import load
from taskdesk.web.application import create_app
from taskdesk.web.settings import WebSettings

STARTS = [
    ("GET", "/flask/heavy"),
    ("POST", "/flask/heavy"),
    ("GET", "/image_page"),
    ("POST", "/task/"),
    ("POST", "/sleep/"),
    ("POST", "/sleep/2"),
    ("POST", "/create?number=4"),
]


@pytest.fixture
def worker_settings(worker_settings):
    """The tasks that ship, which are what these routes run."""
    return worker_settings.model_copy(update={"tasks": ("tasks",)})


@pytest.fixture
def job_of(client):
    return lambda task_id: client.get(f"/api/v1/jobs/{task_id}").json


def test_hello_and_ping(client):
    assert client.get("/flask").json == {"message": "Hello from flask."}
    assert client.get("/ping").text.strip() == '"pong!"'


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_the_heavy_task_is_started_by_either_method(client, job_of, method):
    started = client.open("/flask/heavy", method=method)

    assert list(started.json) == ["task_id"]
    assert job_of(started.json["task_id"])["task"] == "heavy_task"


@pytest.mark.parametrize(
    ("path", "shown"),
    [("/task/", {}), ("/sleep/", {"sleep_time": 5}), ("/sleep/2", {"sleep_time": 2})],
)
def test_a_waiting_task_is_accepted(client, job_of, path, shown):
    started = client.post(path)

    task_id = started.json["task_id"]
    assert (started.status_code, started.json) == (202, {"task_id": task_id, "state": "PENDING", **shown})
    assert job_of(task_id)["input"] == shown


def test_a_job_says_pending_and_then_success_with_its_result(client, run_worker):
    task_id = client.post("/create", json={"number": 4}).json["data"]["task_id"]
    before = [client.get(path).json for path in (f"/status/{task_id}", f"/task/{task_id}", f"/sleep/{task_id}")]

    run_worker()

    assert before == [{"status": "PENDING", "result": None}, *[{"task_id": task_id, "state": "PENDING"}] * 2]
    result = [0, 1, 1, 2, 3]
    assert client.get(f"/status/{task_id}").json == {"status": "SUCCESS", "result": result}
    assert client.get(f"/task/{task_id}").json == {"task_id": task_id, "state": "SUCCESS", "result": result}
    assert client.get(f"/sleep/{task_id}").json == {"task_id": task_id, "state": "SUCCESS", "result": result}
    expected = {"task_id": task_id, "status": "SUCCESS", "result": result}
    assert client.get(f"/flask/status?task_id={task_id}").json == expected
    [row] = client.get("/flask/tasks").json["data"]
    assert row.pop("date_done").endswith("Z")
    assert row == expected


def test_the_list_has_the_newest_first_and_no_date_for_what_is_not_done(client):
    ids = [client.get("/flask/heavy").json["task_id"] for _ in range(3)]

    rows = client.get("/flask/tasks").json["data"]

    assert [row["task_id"] for row in rows] == ids[::-1]
    assert rows[0] == {"task_id": ids[2], "date_done": None, "status": "PENDING", "result": None}


def test_a_job_whose_result_has_just_expired_is_not_listed(client, redis, run_worker):
    task_id = client.post("/create", json={"number": 4}).json["data"]["task_id"]
    run_worker()
    redis.delete(f"rq:results:{task_id}")

    assert client.get("/flask/tasks").json == {"data": []}
    assert client.get(f"/status/{task_id}").status_code == 410


@pytest.fixture
def put(client, redis):
    """A job that is put into a state; its id."""

    def put(status: str, **fields) -> str:
        task_id = client.get("/flask/heavy").json["task_id"]
        redis.hset(f"rq:job:{task_id}", mapping={"status": status, **{k: json.dumps(v) for k, v in fields.items()}})
        return task_id

    return put


ERROR = {"type": "ValueError", "title": "Value error", "detail": "The number is odd."}


@pytest.mark.parametrize(
    ("status", "fields", "word", "result"),
    [
        ("queued", {}, "PENDING", None),
        ("deferred", {}, "PENDING", None),
        ("scheduled", {}, "PENDING", None),
        ("scheduled", {"td_error": ERROR}, "RETRY", "The number is odd."),
        ("started", {}, "STARTED", None),
        ("failed", {"td_error": ERROR}, "FAILURE", "The number is odd."),
        ("failed", {}, "FAILURE", "The worker that ran the job was lost."),
        ("canceled", {}, "REVOKED", None),
        ("stopped", {}, "REVOKED", None),
    ],
)
def test_every_status_has_celerys_word(client, put, status, fields, word, result):
    assert client.get(f"/status/{put(status, **fields)}").json == {"status": word, "result": result}


@pytest.mark.parametrize(
    ("status", "fields", "progress"),
    [
        ("queued", {}, {}),
        ("started", {}, {}),
        ("started", {"td_progress": [1, 2, "half"]}, {"state": "PROGRESS", "progress": 0.5}),
        ("started", {"td_progress": [2, 2, "drawn"]}, {"state": "PROGRESS", "progress": 0.98}),
        ("failed", {"td_progress": [1, 2, "half"]}, {"state": "FAILURE"}),
    ],
)
def test_progress_is_a_share_and_never_done_before_the_picture_is_there(client, put, status, fields, progress):
    assert client.get(f"/progress?jobid={put(status, **fields)}").json == progress


def test_progress_without_an_id_has_nothing_to_say(client):
    assert client.get("/progress").json == {}


@pytest.mark.slow
def test_the_picture_comes_when_it_is_there_and_never_blocks(client, run_worker):
    page = client.get("/image_page").text
    job_id = client.get("/flask/tasks").json["data"][0]["task_id"]
    early = client.get(f"/result.png?jobid={job_id}")
    run_worker()
    picture = client.get(f"/result.png?jobid={job_id}", buffered=True)

    assert f"/progress?jobid={job_id}" in page
    assert (early.status_code, early.content_type) == (409, "application/problem+json")
    assert client.get(f"/progress?jobid={job_id}").json == {"state": "SUCCESS", "progress": 1.0}
    assert (picture.content_type, picture.data[:4]) == ("image/png", b"\x89PNG")
    assert client.get(f"/flask/status?task_id={job_id}").json["result"].startswith(f"/api/v1/jobs/{job_id}/artifacts/")


def test_a_job_without_a_picture_has_none_here(client, run_worker):
    task_id = client.post("/create", json={"number": 1}).json["data"]["task_id"]
    run_worker()

    assert client.get(f"/result.png?jobid={task_id}").status_code == 404


@pytest.mark.parametrize(
    "path",
    [
        *("/flask/status?task_id=nothing", "/progress?jobid=nothing", "/result.png?jobid=nothing", "/result.png"),
        *("/task/nothing", "/sleep/5", "/status/nothing"),
    ],
)
def test_an_unknown_id_is_404_in_json_even_to_a_browser(client, path):
    answer = client.get(path, headers={"Accept": "text/html"})

    assert (answer.status_code, answer.content_type) == (404, "application/problem+json")


def test_the_status_of_nothing_is_400(client):
    answer = client.get("/flask/status")

    assert (answer.status_code, answer.json["detail"][:20]) == (400, "No task_id specified")


@pytest.mark.parametrize(
    "body",
    [
        {"json": {"number": 4}},
        {"json": {"number": "4"}},
        {"data": {"number": "4"}},
        {"data": '{"number": "4"}', "content_type": "application/x-www-form-urlencoded"},  # as curl -d sends it
        {"data": '{"number": "4"}'},
    ],
)
def test_a_number_may_come_as_text_as_json_and_as_a_form(client, job_of, body):
    created = client.post("/create", **body)

    assert created.json["status"] == "success"
    assert job_of(created.json["data"]["task_id"])["input"] == {"n": 4}


@pytest.mark.parametrize(
    "body", [{}, {"number": None}, {"number": "four"}, {"number": 4.5}, {"number": [4]}, {"number": 10_001}, [], "["]
)
def test_a_wrong_number_is_named(client, redis, body):
    sent = {"data": body} if body == "[" else {"json": body}
    answer = client.post("/create", **sent)

    assert (answer.status_code, answer.json["errors"][0]["pointer"]) == (422, "/number")
    assert redis.llen("rq:queue:default") == 0


@pytest.mark.parametrize("seconds", ["-1", "soon", "9" * 5000])
def test_a_wrong_sleep_time_is_named(client, seconds):
    answer = client.post(f"/sleep/{seconds}")

    assert (answer.status_code, answer.json["errors"][0]["pointer"]) == (422, "/sleep_time")


@pytest.mark.parametrize(("method", "path"), STARTS)
def test_a_page_of_another_site_can_not_start_a_job_by_any_method(client, redis, method, path):
    answer = client.open(path, method=method, headers={"Sec-Fetch-Site": "cross-site"})

    assert answer.status_code == 403
    assert redis.keys("rq:job:*") == []


@pytest.mark.parametrize("path", ["/flask/heavy", "/image_page"])
def test_a_head_starts_no_job(client, redis, path):
    answer = client.head(path)

    assert (answer.status_code, answer.headers["Allow"]) == (405, "GET")
    assert redis.keys("rq:job:*") == []


def test_without_redis_every_route_is_503_at_once(tmp_path):
    client = create_app(WebSettings(redis_url="redis://127.0.0.1:1/0", data_dir=tmp_path, _env_file=None)).test_client()

    for method, path in [*STARTS, ("GET", "/flask/tasks"), ("GET", "/progress?jobid=a"), ("GET", "/task/a")]:
        answer = client.open(path, method=method)
        assert (answer.status_code, answer.headers["Retry-After"]) == (503, "5"), path
        assert path == "/image_page" or answer.content_type == "application/problem+json", path


def test_the_routes_are_off_in_prod_unless_they_are_asked_for(redis_url, tmp_path):
    def status(**settings) -> int:
        settings = WebSettings(redis_url=redis_url, data_dir=tmp_path, _env_file=None, **settings)
        return create_app(settings).test_client().get("/ping").status_code

    prod = {"env": "prod", "secret_key": "k" * 32}
    assert (status(env="dev"), status(env="dev", classic_routes=False)) == (200, 404)
    assert not WebSettings(_env_file=None, **prod).classic_routes


def test_if_the_setting_that_the_default_follows_is_wrong_only_that_one_is_named():
    with pytest.raises(SettingsError) as error:
        load(WebSettings, env="production")

    assert len(error.value.args[0].splitlines()) == 2
