"""What rq-dashboard does to jobs."""

from __future__ import annotations

import pickle

import pytest
from rq import Queue
from rq.rate_limit import RateLimit
from rq.serializers import JSONSerializer

from taskdesk.jobs.jobs import Jobs
from taskdesk.jobs.listing import Filter
from tests.conftest import Stack, wait_until


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
