"""Worker groups: which one serves which task, and what is said of a job whose queue has no worker for its task."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from taskdesk.jobs.catalog import Catalog, announce
from taskdesk.jobs.catalog_reader import CatalogReader
from taskdesk.jobs.fields import GROUP
from taskdesk.jobs.keys import GROUPS, RQ_WORKERS, group_key, worker_key
from taskdesk.worker.settings import WorkerSettings
from taskdesk.worker.supervisor.worker import TaskWorker
from tests.conftest import preloaded

NOT_SERVED = "No worker of the queue high serves echo."


@pytest.fixture
def catalogs(registry):
    """The catalogs of two images: each has one of the tasks."""
    tasks = registry.catalog.tasks
    return {"light": Catalog(tasks={"echo": tasks["echo"]}), "gpu": Catalog(tasks={"raises": tasks["raises"]})}


@pytest.fixture
def start(redis, catalogs):
    """Start a worker of a group on these queues."""

    def start(group: str, queues: str, *, again: bool = False) -> None:
        announce(redis, catalogs[group], group=group, queues=queues.split(","), again=again)
        redis.sadd(RQ_WORKERS, worker_key(group))
        record = {"queues": queues, "state": "idle", "catalog": catalogs[group].digest, GROUP: group}
        redis.hset(worker_key(group), mapping=record)

    return start


@pytest.fixture
def stop(redis):
    return lambda group: redis.srem(RQ_WORKERS, worker_key(group))


@pytest.fixture
def get(client):
    """Return what the API shows after the catalog was read anew."""

    def get(address: str):
        client.application.extensions["desk"].catalog.read(max_age=0)
        return client.get(f"/api/v1{address}").json

    return get


def test_api_and_pages_show_which_group_serves_a_task(start, get, client):
    start("light", "default,low")
    start("gpu", "high")

    assert get("/tasks/echo")["groups"] == [{"name": "light", "queues": ["default", "low"], "workers_online": 1}]
    assert get("/tasks/raises")["groups"] == [{"name": "gpu", "queues": ["high"], "workers_online": 1}]
    assert {one["group"] for one in get("/workers")["data"]} == {"light", "gpu"}
    assert "light <small>1 online, queues default, low</small>" in client.get("/tasks/echo").text
    page = client.get("/workers").text
    assert "versions of the tasks are online" not in page
    assert '<td data-label="Tasks"><span><a href="/tasks/raises">raises</a></span></td>' in page


def test_the_tasks_of_a_group_are_offered_while_it_has_no_worker_and_another_has(start, stop, get, client):
    start("light", "default")
    start("gpu", "high")
    stop("gpu")

    assert get("/tasks/raises")["groups"] == [{"name": "gpu", "queues": ["high"], "workers_online": 0}]
    assert "none online, queue high" in client.get("/tasks/raises").text
    assert client.post("/api/v1/tasks/raises/jobs", json={}).status_code == 202


def test_online_workers_decide_what_a_task_is(start, stop, redis, catalogs):
    old = catalogs["light"].tasks["echo"].model_copy(update={"title": "Old"})
    catalogs["gpu"].tasks["echo"] = old
    start("light", "default")
    start("gpu", "high")
    stop("gpu")

    assert CatalogReader(redis).read().task("echo").title != "Old"


def test_of_two_versions_of_a_group_the_newer_one_stays(start, redis, catalogs):
    newer = catalogs["light"].digest
    start("light", "default")
    catalogs["light"] = Catalog(tasks={})
    start("light", "low", again=True)

    [group] = CatalogReader(redis).read().groups

    assert (group.queues, group.catalog) == (("default",), newer)


@pytest.fixture
def gpu_worker(worker_settings, registry, redis):
    settings = worker_settings.model_copy(update={"worker_group": "gpu", "queues": ("high",)})
    return TaskWorker(settings, preloaded(registry), redis)


def test_a_worker_announces_its_group_and_its_tasks_stay_when_it_has_gone(gpu_worker, redis, registry, get):
    gpu_worker.work(burst=True, logging_level="WARNING")

    assert [group.queues for group in CatalogReader(redis).read().groups] == [("high",)]
    assert get("/tasks/echo")["groups"] == [{"name": "gpu", "queues": ["high"], "workers_online": 0}]
    assert gpu_worker.serialize()[GROUP] == "gpu"


@pytest.mark.parametrize("name", ["GPU", "-gpu", "gpu-", "a b", "a" * 64, "gpu_1"])
def test_a_wrong_name_of_a_group_is_refused(name):
    with pytest.raises(ValidationError, match="worker_group"):
        WorkerSettings(worker_group=name, _env_file=None)


@pytest.mark.parametrize("value", ["", "[]", "{}", "1", "[[]]", b"\xff"])
def test_a_damaged_group_is_left_out(start, redis, value):
    start("light", "default")
    start("gpu", "high")
    redis.set(group_key("gpu"), value)

    assert [group.name for group in CatalogReader(redis).read().groups] == ["light"]


def test_a_group_that_is_gone_for_long_is_forgotten(start, redis):
    redis.zadd(GROUPS, {"old": 1})

    start("light", "default")

    assert redis.zrange(GROUPS, 0, -1) == [b"light"]
    assert 0 < redis.ttl(group_key("light")) <= 30 * 24 * 3600


def test_a_job_whose_queue_has_no_worker_for_its_task_says_so(start, get, client):
    start("light", "default")
    start("gpu", "high")

    job = client.post("/api/v1/tasks/echo/jobs?queue=high", json={"text": "a"}).json

    assert job["reason"] == f"{NOT_SERVED} Workers of default do."
    assert get(f"/jobs/{job['id']}")["reason"] == job["reason"]
    assert f'<p class="notice">{job["reason"]}</p>' in client.get(f"/jobs/{job['id']}").text


def test_the_form_says_so_for_the_own_queue_and_for_the_others(start, client, catalogs):
    start("light", "high")
    start("gpu", "default")

    page = client.get("/tasks/echo").text

    assert '<p class="notice">No worker of the queue default serves echo. Workers of high do.</p>' in page
    assert "default (no worker)" in page
    assert "high (0 waiting)" in page
    assert "No worker of the queue default serves echo. Workers of high do." in client.get("/").text


def test_a_stock_worker_may_serve_any_task(start, redis, client):
    start("gpu", "high")
    start("light", "default")
    redis.sadd(RQ_WORKERS, worker_key("stock"))
    redis.hset(worker_key("stock"), mapping={"queues": "high", "state": "idle"})

    assert client.post("/api/v1/tasks/echo/jobs?queue=high", json={"text": "a"}).json["reason"] is None
