"""What rq-dashboard shows with our changes."""

from __future__ import annotations

import base64
import json
import pickle
import re

import pytest
from rq import Worker
from rq.job import Job
from rq.serializers import JSONSerializer

from tests.dashboard.requests import ask


def test_it_shows_queues_workers_and_jobs_with_json_results(get, submit, run_worker):
    done = submit("echo", text="shown")
    run_worker()
    submit("echo", text="waits")

    assert get("/0/data/queues.json").json["queues"][0]["count"] == 1
    assert get("/0/data/workers.json").json == {"workers": []}
    assert get(f"/0/data/job/{done}.json").json["result"] == "shown"
    assert "waits" in get("/0/data/jobs/default/queued/8/asc/1.json").text


def test_scripts_and_styles_of_its_pages_are_served(get):
    needed = re.findall(r'(?:src|href)="(/[^"]+)"', get("/").text)

    assert len(needed) > 8
    assert [path for path in needed if get(path).status != 200] == []


@pytest.mark.parametrize("path", ["/0/view/workers", "/0/view/jobs", "/0/view/job/{}", "/0/view/job/unknown"])
def test_pages_link_to_the_desk_and_a_job_page_to_the_job(get, submit, path):
    page = get(path.format(submit("echo", text="a"))).text

    assert 'href="http://127.0.0.1:8123/desk/"' in page
    assert ("/job/" in path) == bool(re.search(r'href="http://127.0.0.1:8123/desk/jobs/[\w-]+"', page))


def test_a_job_with_dependencies_is_shown(get, stock):
    first = stock.enqueue("tests.sample_tasks.echo", "a", job_id="first")
    stock.enqueue("tests.sample_tasks.echo", "b", depends_on=[first, stock.enqueue("x", job_id="gone")], job_id="last")
    Job.fetch("gone", connection=stock.connection, serializer=JSONSerializer).delete()

    shown = get("/0/data/job/last.json").json

    assert dict(zip(shown["depends_on"], shown["depends_on_status"], strict=True)) == {
        "first": "active",
        "gone": "expired",
    }


def test_a_worker_with_a_deleted_job_hides_no_other_worker(get, redis):
    for name in ("one", "other"):
        Worker(["default"], connection=redis, name=name).register_birth()
    redis.hset("rq:worker:one", mapping={"current_job": "gone", "state": "busy"})

    workers = get("/0/data/workers.json").json["workers"]

    assert {worker["name"]: worker["current_job"] for worker in workers} == {"one": "idle", "other": "idle"}


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/0/view/job/unknown", 404),
        ("/0/data/job/unknown.json", 404),
        ("/0/view/job/a%20b", 404),
        ("/1/view/queues", 404),
        ("/0/view/jobs/default/nonsense/8/asc/1", 404),
        ("/0/data/jobs/default/nonsense/8/asc/1.json", 404),
        ("/0/data/jobs/default/queued/0/asc/1.json", 404),
        ("/0/data/jobs/default/queued/8/up/1.json", 404),
        ("/0/data/jobs/default/queued/8/asc/x.json", 404),
        ("/nowhere", 404),
    ],
)
def test_a_missing_page_is_answered_with_a_sentence(get, path, status):
    answer = get(path)

    assert answer.status == status
    if path.endswith(".json"):
        assert answer.json["detail"].endswith(".")
    else:
        assert re.search(r"<h1>[\w ]+</h1>\s*<p>[^<]+\.</p>", answer.text)


def test_without_redis_it_answers_with_a_sentence_that_has_no_password(tmp_path, start_dashboard):
    away = start_dashboard(tmp_path, "redis://:se@cret@127.0.0.1:1/0?password=secret")

    answers = [ask(away, path, "GET", {}) for path in ("/", "/0/view/workers", "/0/data/queues.json")]

    assert [answer.status for answer in answers] == [503] * 3
    assert all("reached at the moment" in answer.text for answer in answers)
    assert "redis://127.0.0.1:1/0<" in answers[0].text
    assert "cret" not in answers[0].text


@pytest.mark.parametrize("order", ["asc", "dsc"])
@pytest.mark.parametrize("where", ["queued", "finished"])
def test_each_job_is_on_exactly_one_page(get, submit, run_worker, where, order):
    submitted = [submit("echo", text=str(number)) for number in range(20)]
    if where == "finished":
        run_worker()

    pages = [get(f"/0/data/jobs/default/{where}/8/{order}/{page}.json").json["jobs"] for page in (1, 2, 3, 4)]

    shown = [job["id"] for page in pages for job in page]
    assert [len(page) for page in pages] == [8, 8, 4, 0]
    assert sorted(shown) == sorted(submitted)
    if where == "queued":
        assert shown == submitted[:: 1 if order == "asc" else -1]


@pytest.mark.parametrize(
    "registry", ["scheduled", "deferred", "started", "finished", "failed", "canceled", "rate_limited"]
)
def test_an_empty_registry_has_no_jobs_and_emptying_it_deletes_none(get, post, stock, registry):
    stock.enqueue("tests.sample_tasks.echo", "a", job_id="queued")

    listed = get(f"/0/data/jobs/default/{registry}/8/asc/1.json").json
    post(f"/queue/default/{registry}/empty")

    assert (listed["jobs"], listed["pagination"]["num_pages"]) == ([], 0)
    assert stock.job_ids == ["queued"]


@pytest.mark.parametrize(("registry", "button"), [("queued", "Empty queue"), ("failed", "Delete all failed")])
def test_a_list_names_its_jobs_and_what_its_button_deletes(get, stock, registry, button):
    page = get(f"/0/view/jobs/default/{registry}/8/asc/1").text

    assert f"contains all the {registry} jobs of queue <strong>default</strong>" in page
    assert f"Delete all {registry} jobs of this queue (<b>destructive</b>)" in page
    assert f">{button}</a>" in page
    assert ("canceled while they were running are among them" in page) == (registry == "failed")


def test_data_other_than_json_is_shown_as_text_and_never_unpickled(get, submit, redis, run_worker, tmp_path):
    canary = tmp_path / "canary"
    pickled = f"cos\nsystem\n(S'touch {canary}'\ntR.".encode()
    job_id = submit("echo", text="a")
    run_worker()
    redis.hset(f"rq:job:{job_id}", mapping={"data": pickled, "meta": pickled, "result": pickled})
    redis.xadd(f"rq:results:{job_id}", {"type": 1, "return_value": base64.b64encode(pickled + b"\xff")})
    worker = Worker(["default"], connection=redis, name="stock")
    worker.register_birth()
    redis.hset(worker.key, "current_job", job_id)

    shown = get(f"/0/data/job/{job_id}.json").json
    listed = get("/0/data/jobs/default/finished/8/asc/1.json").json["jobs"]
    [at_work] = get("/0/data/workers.json").json["workers"]

    assert shown["result"] == pickled.decode() + "\\xff"
    assert json.loads(shown["metadata"]) == pickled.decode()
    assert [job["id"] for job in listed] == [job_id]
    assert at_work["current_job"]["call_string"] == 'tests.sample_tasks.echo(text="a")'
    assert get(f"/0/view/job/{job_id}").status == 200
    assert not canary.exists()


def test_a_set_that_a_pickling_worker_returned_is_shown(get, submit, redis):
    job_id = submit("echo", text="a")
    redis.xadd(f"rq:results:{job_id}", {"type": 1, "return_value": base64.b64encode(pickle.dumps({"x1", "y2"}))})

    assert "x1" in get(f"/0/data/job/{job_id}.json").json["result"]
