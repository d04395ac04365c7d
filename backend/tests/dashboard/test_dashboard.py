"""rq-dashboard with our changes, in a process of its own, because it patches RQ."""

from __future__ import annotations

import base64
import json
import pickle
import re
import urllib.error
import urllib.request
from http.cookies import SimpleCookie
from typing import Any, NamedTuple

import pytest
from rq import Queue, Worker
from rq.job import Job
from rq.rate_limit import RateLimit
from rq.serializers import JSONSerializer

from taskdesk.jobs.job import Retention
from taskdesk.jobs.jobs import Jobs
from taskdesk.jobs.keys import INTAKE_LOCK
from taskdesk.jobs.listing import Filter
from tests.conftest import Stack, wait_until

QUEUES = ("high", "default", "low")
WRITES = [
    "/job/{}/delete",
    "/job/{}/requeue",
    "/requeue/default",
    "/queue/default/failed/empty",
    "/queue/default/compact",
]


class Answer(NamedTuple):
    status: int
    text: str
    headers: Any

    @property
    def json(self) -> Any:
        return json.loads(self.text)


@pytest.fixture
def get(dashboard):
    return lambda path, **headers: _ask(dashboard, path, "GET", headers)


@pytest.fixture
def post(dashboard, get):
    """Post like a page, with its token; `headers` override."""
    token = SimpleCookie(get("/").headers["Set-Cookie"])["_csrf_token"].value
    own = {"Cookie": f"_csrf_token={token}", "X-CSRFToken": token}
    return lambda path, **headers: _ask(dashboard, path, "POST", own | headers)


def _ask(dashboard: Stack, path: str, method: str, headers: dict[str, str]) -> Answer:
    request = urllib.request.Request(dashboard.url + path, method=method, headers=headers)
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:
            return Answer(answer.status, answer.read().decode(errors="replace"), answer.headers)
    except urllib.error.HTTPError as error:
        return Answer(error.code, error.read().decode(), error.headers)


@pytest.fixture
def jobs(redis) -> Jobs:
    return Jobs(redis, QUEUES)


@pytest.fixture
def submit(jobs, registry):
    return lambda name, **arguments: jobs.submit(registry.catalog.tasks[name], arguments, Retention(100, 100)).id


@pytest.fixture
def stock(redis) -> Queue:
    """The queue of a program with plain RQ."""
    return Queue("default", connection=redis, serializer=JSONSerializer)


# What it shows


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

    answers = [_ask(away, path, "GET", {}) for path in ("/", "/0/view/workers", "/0/data/queues.json")]

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
    assert at_work["current_job"]["call_string"] == "tests.sample_tasks.echo(text='a')"
    assert get(f"/0/view/job/{job_id}").status == 200
    assert not canary.exists()


def test_a_set_that_a_pickling_worker_returned_is_shown(get, submit, redis):
    job_id = submit("echo", text="a")
    redis.xadd(f"rq:results:{job_id}", {"type": 1, "return_value": base64.b64encode(pickle.dumps({"x1", "y2"}))})

    assert "x1" in get(f"/0/data/job/{job_id}.json").json["result"]


# What it does


@pytest.mark.parametrize("meta", [b'{"by":"Anna"}', pickle.dumps({"by": "Anna"})])
def test_a_requeued_job_runs_again_keeps_its_meta_and_is_listed_where_it_stands(
    post, client, submit, jobs, redis, stock, run_worker, tmp_path, meta
):
    failed = submit("fails_once", path=str(tmp_path / "flag"))
    redis.hset(f"rq:job:{failed}", mapping={"retries_left": 0, "meta": meta})
    run_worker()
    assert "ValueError" in client.get(f"/jobs/{failed}").text

    assert post(f"/job/{failed}/requeue").status == 200

    assert stock.job_ids == [failed]
    assert redis.hget(f"rq:job:{failed}", "meta") == meta
    assert (_listed(jobs, "failed"), _listed(jobs, "queued")) == ([], [failed])
    run_worker()
    assert client.get(f"/api/v1/jobs/{failed}").json["result"]["value"] == "done"
    assert "ValueError" not in client.get(f"/jobs/{failed}").text
    assert redis.hget(f"rq:job:{failed}", "meta") == meta


def _listed(jobs: Jobs, status: str) -> list[str]:
    """List jobs by our index alone; a filter by queue would also read others."""
    return [job.id for job in jobs.page(100, matching=Filter(status=status))[0]]


def test_requeue_all_requeues_all_failed_jobs_except_expired_ones(post, submit, jobs, redis, run_worker):
    failed = [submit("raises") for _ in range(3)]
    run_worker()
    redis.delete(f"rq:job:{failed[1]}")

    assert post("/requeue/default").json["count"] == 2

    assert sorted(_listed(jobs, "queued")) == sorted([failed[0], failed[2]])


def test_only_failed_jobs_can_be_requeued(post, submit, stock):
    waits = submit("echo", text="a")

    answer = post(f"/job/{waits}/requeue")

    assert (answer.status, answer.json["detail"]) == (409, f"Job {waits} is not among the failed ones (any more).")
    assert post("/job/unknown/requeue").status == 404
    assert stock.job_ids == [waits]


@pytest.mark.parametrize("ended", [False, True])
def test_a_deleted_job_is_not_in_our_lists_and_its_page_says_so(post, client, submit, jobs, redis, run_worker, ended):
    job_id = submit("echo", text="a")
    if ended:
        run_worker()

    assert post(f"/job/{job_id}/delete").status == 200

    assert client.get(f"/jobs/{job_id}").status_code == 404
    assert [key for key in redis.keys("*") if job_id in key.decode()] == []
    assert jobs.page(10)[0] == []
    assert redis.zcard("rq:finished:default") == redis.llen("rq:queue:default") == 0
    assert post(f"/job/{job_id}/delete").status == 404


@pytest.mark.parametrize("where", ["queued", "finished", "failed"])
def test_an_emptied_registry_leaves_nothing_in_our_lists(post, client, submit, redis, run_worker, where):
    kept = submit("every_kind")
    emptied = [submit("raises" if where == "failed" else "echo", **_text(where)) for _ in range(3)]
    if where != "queued":
        run_worker()
    redis.delete(f"rq:job:{emptied[1]}")  # it has expired

    assert post(f"/queue/default/{where}/empty").status == 200

    assert [client.get(f"/jobs/{job_id}").status_code for job_id in emptied] == [404, 410, 404]
    assert redis.keys("taskdesk:jobs:default:*") in ([], [b"taskdesk:jobs:default:" + _ours(where)])
    assert redis.zcard(f"rq:{where}:default") == redis.llen("rq:queue:default") == 0
    assert client.get(f"/jobs/{kept}").status_code == 200


@pytest.fixture
def limited(stock):
    """Enqueue jobs of which one at a time may be queued or running."""
    return lambda *job_ids, function="tests.sample_tasks.echo": [
        stock.enqueue(function, job_id=job_id, rate_limit=RateLimit("k", 1)) for job_id in job_ids
    ]


def _status(redis, *job_ids: str) -> list[str]:
    return [(redis.hget(f"rq:job:{job_id}", "status") or b"").decode() for job_id in job_ids]


def test_a_job_that_waits_for_a_slot_says_so_and_can_be_deleted(get, post, limited, redis):
    limited("one", "two", "zulu")

    assert [get(f"/0/data/job/{job_id}.json").json["status"] for job_id in ("one", "two")] == ["queued", "rate_limited"]
    assert post("/job/two/delete").status == 200

    assert _status(redis, "one", "two", "zulu") == ["queued", "", "rate_limited"]
    assert redis.zrange("rq:rl:k:rate_limited", 0, -1) == [b"zulu"]


def test_the_jobs_of_a_queue_that_wait_for_a_slot_are_listed_and_deleted(get, post, limited, redis, stock):
    limited("one", "two", "zulu")
    other = Queue("other", connection=redis, serializer=JSONSerializer)
    other.enqueue("tests.sample_tasks.echo", job_id="there", rate_limit=RateLimit("k", 1))

    listed = [get(f"/0/data/jobs/default/rate_limited/1/asc/{page}.json").json for page in (1, 2, 3)]

    assert [[job["id"] for job in page["jobs"]] for page in listed] == [["two"], ["zulu"], []]
    assert listed[0]["pagination"]["num_pages"] == 2
    assert ">rate_limited</option>" in get("/0/view/jobs/default/rate_limited/8/asc/1").text
    assert post("/queue/default/rate_limited/empty").status == 200
    assert _status(redis, "one", "two", "zulu", "there") == ["queued", "", "", "rate_limited"]


@pytest.mark.parametrize("path", ["/job/one/delete", "/queue/default/queued/empty"])
def test_a_deleted_job_gives_its_slot_to_the_next(post, limited, redis, path):
    limited("one", "two")

    assert post(path).status == 200

    assert _status(redis, "one", "two") == ["", "queued"]
    assert redis.zrange("rq:rl:k:allowed", 0, -1) == [b"two"]


def test_a_requeued_job_waits_for_a_slot_of_its_limit(post, limited, redis, stock, run_worker):
    limited("failed", function="tests.sample_tasks.raises")
    run_worker()
    limited("one")

    assert post("/job/failed/requeue").status == 200

    assert _status(redis, "failed", "one") == ["rate_limited", "queued"]
    assert (stock.job_ids, redis.zcard("rq:failed:default")) == (["one"], 0)
    assert post("/job/one/delete").status == 200
    assert _status(redis, "failed") == ["queued"]


def test_a_job_that_is_ready_to_be_queued_is_shown_and_deleted(get, post, stock, redis):
    stock.enqueue("tests.sample_tasks.echo", "a", job_id="ready")
    redis.lrem("rq:queue:default", 0, "ready")
    redis.hset("rq:job:ready", "status", "ready_to_enqueue")
    redis.zadd("rq:ready:default", {"ready": 1})

    assert get("/0/data/job/ready.json").json["status"] == "ready_to_enqueue"
    assert post("/job/ready/delete").status == 200

    assert not redis.exists("rq:job:ready", "rq:ready:default")


def test_while_redis_is_full_jobs_are_deleted_and_a_queue_is_emptied(post, submit, jobs, leave):
    first, *_ = [submit("echo", text="a") for _ in range(3)]
    leave(1.1)

    assert post(f"/job/{first}/delete").status == 200
    assert len(jobs.page(10)[0]) == 2
    assert post("/queue/default/queued/empty").status == 200
    assert jobs.page(10)[0] == []


def _text(where: str) -> dict[str, str]:
    return {} if where == "failed" else {"text": "a"}


def _ours(where: str) -> bytes:
    return {"queued": b"queued", "finished": b"succeeded", "failed": b"failed"}[where]


def test_a_queue_is_compacted_in_its_order_and_a_missing_one_is_404(post, submit, redis, stock):
    ids = [submit("echo", text=str(number)) for number in range(4)]
    redis.delete(f"rq:job:{ids[1]}")

    assert post("/queue/default/compact").status == 200

    assert stock.job_ids == [ids[0], ids[2], ids[3]]
    assert (post("/queue/none/compact").status, post("/queue/none/queued/empty").status) == (404, 404)
    assert post("/requeue/none").json["detail"] == "There is no queue 'none'."
    redis.delete("rq:queue:default")
    assert post("/queue/default/compact").status == 200


def test_a_running_job_is_shown_at_its_worker_and_can_not_be_deleted(get, post, submit, jobs, redis_url, tmp_path):
    job_id = submit("wait_for", path=str(tmp_path / "go"))
    stack = Stack(redis_url, tmp_path, TASKS="tests.sample_tasks", WORKERS="1")
    stack.start("worker")
    try:
        wait_until(lambda: jobs.get(job_id).status == "running", what="the job runs")

        [worker] = get("/0/data/workers.json").json["workers"]
        refusals = [post(f"/job/{job_id}/delete"), post("/queue/default/started/empty")]

        assert (worker["state"], worker["current_job"]["job_id"]) == ("busy", job_id)
        assert "wait_for(path=" in worker["current_job"]["call_string"]
        assert [job["id"] for job in get("/0/data/jobs/default/started/8/asc/1.json").json["jobs"]] == [job_id]
        assert [answer.status for answer in refusals] == [409, 409]
        assert "Cancel it first." in refusals[0].json["detail"]
        assert refusals[0].json["page"] == f"http://127.0.0.1:8123/desk/jobs/{job_id}"
        (tmp_path / "go").touch()
        wait_until(lambda: jobs.get(job_id).status == "succeeded", what="the job goes on")
    finally:
        stack.stop()


# Who may look, and what may write


@pytest.mark.parametrize("path", WRITES)
def test_only_a_post_with_the_token_of_a_page_changes_data(get, post, submit, redis, run_worker, path):
    path = path.format(submit("raises"))
    run_worker()
    before = _everything(redis)
    foreign_token = {"X-CSRFToken": "a.b", "Cookie": "_csrf_token=a.b"}

    assert get(path).status == 405
    for headers in (
        {"X-CSRFToken": ""},
        {"Cookie": ""},
        foreign_token,
        {"Origin": "http://evil.example"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
    ):
        answer = post(path, **headers)
        assert (answer.status, answer.json["detail"][-1]) == (403, "."), headers
    assert _everything(redis) == before
    assert post(path, **{"Sec-Fetch-Site": "same-origin"}).status == 200


def test_without_a_password_only_names_that_no_other_site_can_have_are_trusted(get):
    refused = get("/0/data/queues.json", Host="evil.example")

    assert (refused.status, "DASHBOARD_PASSWORD" in refused.json["detail"]) == (421, True)
    assert get("/", Host="evil.example:9181").status == 421
    assert get("/healthz", Host="evil.example").status == 200
    assert get("/0/data/queues.json", Host="localhost:9181").status == 200


def _everything(redis) -> dict[bytes, bytes]:
    return {key: redis.dump(key) for key in redis.keys("*") if key != INTAKE_LOCK.encode()}  # it expires by itself


def test_a_token_is_kept_until_a_restart_and_then_replaced(get):
    token = SimpleCookie(get("/").headers["Set-Cookie"])["_csrf_token"]

    assert token["samesite"] == "Strict"
    assert get("/", Cookie=f"_csrf_token={token.value}").headers["Set-Cookie"] is None
    assert "_csrf_token=" in get("/", Cookie="_csrf_token=of.before").headers["Set-Cookie"]


def test_a_page_runs_only_the_scripts_of_its_templates(get, submit):
    for path in ("/", "/0/view/jobs", "/0/view/workers", f"/0/view/job/{submit('echo', text='a')}", "/nowhere"):
        answer = get(path)
        policy = dict(part.split(" ", 1) for part in answer.headers["Content-Security-Policy"].split("; "))
        nonce = re.fullmatch(r"'nonce-([\w-]{20,})'", policy["script-src"])[1]
        scripts = re.findall(r"<script\b([^>]*)>", answer.text)

        assert policy["style-src"] == "'self'"
        assert policy["default-src"] == "'none'"
        assert scripts
        assert all(f'nonce="{nonce}"' in script or 'type="text/template"' in script for script in scripts)
        assert nonce not in get(path).text


def test_a_login_is_required_if_a_password_is_set(tmp_path, start_dashboard, redis_url):
    closed = start_dashboard(tmp_path, redis_url, DASHBOARD_USERNAME="Jürgen", DASHBOARD_PASSWORD="päss:word")

    def status(login: str, path: str = "/0/data/queues.json", scheme: str = "Basic") -> int:
        value = base64.b64encode(login.encode()).decode()
        return _ask(closed, path, "GET", {"Authorization": f"{scheme} {value}"}).status

    nobody = _ask(closed, "/", "GET", {})
    assert (nobody.status, nobody.headers["Set-Cookie"]) == (401, None)
    assert nobody.headers["WWW-Authenticate"].startswith("Basic realm=")
    assert _ask(closed, "/static/favicon.ico", "GET", {}).status == 401
    assert _ask(closed, "/job/a/delete", "POST", {}).status == 401
    assert _ask(closed, "/", "GET", {"Host": "desk.example"}).status == 401
    assert status("Jürgen:päss:word") == 200
    assert status("Jürgen:päss:word", scheme="Bearer") == status("admin:päss:word") == status("Jürgen:") == 401
    assert _ask(closed, "/healthz", "GET", {}).status == 200


def test_each_write_leaves_an_audit_line(tmp_path, start_dashboard, redis_url, submit):
    job_id = submit("echo", text="a")
    dashboard = start_dashboard(tmp_path, redis_url, DASHBOARD_PASSWORD="twelve-bytes-or-more")
    login = {"Authorization": f"Basic {base64.b64encode(b'admin:twelve-bytes-or-more').decode()}"}
    token = SimpleCookie(_ask(dashboard, "/", "GET", login).headers["Set-Cookie"])["_csrf_token"].value

    _ask(dashboard, f"/job/{job_id}/delete", "POST", {"Cookie": f"_csrf_token={token}", "X-CSRFToken": token, **login})
    _ask(dashboard, f"/job/{job_id}/delete", "POST", {})

    log = re.sub(r" request_id=[0-9a-f]{16}$", "", dashboard.log("dashboard"), flags=re.MULTILINE)
    lines = [line for line in log.splitlines() if "audit" in line]
    assert lines == [
        f"INFO audit who={who} what=delete_job subject={job_id} status={status} client=127.0.0.1"
        for who, status in (("admin", 200), ("", 401))
    ]
