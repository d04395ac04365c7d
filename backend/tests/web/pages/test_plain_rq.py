"""Jobs that plain RQ programs have enqueued, on the pages and in the API, while no worker is online."""

from __future__ import annotations

import json
import pickle
import re
import subprocess
import sys
import zlib
from html import unescape

import pytest
from rq import Queue
from rq.serializers import JSONSerializer

from taskdesk.jobs.keys import INTAKE_LOCK, job_key
from taskdesk.jobs.stored_call import NO_CALL, NO_DATA, NO_NAMES, NOT_JSON, PICKLE
from tests.conftest import BACKEND, wait_until

ECHO = "tests.sample_tasks.echo"
CRON_FILE = """
from functools import partial
from rq import Queue, cron
from rq.serializers import JSONSerializer
from tests.sample_tasks import echo

cron.Queue = partial(Queue, serializer=JSONSerializer)
cron.register(echo, queue_name="default", kwargs={"text": "from cron"}, interval=3600)
"""


@pytest.fixture
def queue(redis):
    return Queue("default", connection=redis, serializer=JSONSerializer)


@pytest.fixture
def pickling(redis):
    return Queue("default", connection=redis)


@pytest.fixture
def put(redis, queue):
    """Enqueue a job, and store other data in it; return its id."""

    def put(data: bytes | None) -> str:
        job = queue.enqueue("billing.send", job_id="one")
        redis.hdel(job.key, "data") if data is None else redis.hset(job.key, "data", data)
        return job.id

    return put


def test_the_list_has_them_with_their_functions_and_arguments(client, page, queue, pickling):
    queue.enqueue(ECHO, text="ab")
    queue.enqueue("billing.jobs.send", "cd", copies=2)
    pickling.enqueue("billing.jobs.bill", "ef")

    text = page("/jobs")

    parts = ("bill", "'ef'", "send", "'cd', copies=2", "echo", "text='ab'")  # in this order
    assert re.search(".+".join(map(re.escape, parts)), unescape(text))
    assert [job["task"] for job in client.get("/api/v1/jobs").json["data"]] == ["bill", "send", "echo"]
    assert "input_fault" not in client.get("/api/v1/jobs").json["data"][0]


def test_the_open_list_says_that_new_ones_have_come(client, queue, redis):
    queue.enqueue(ECHO, text="ab")
    client.get("/jobs")
    queue.enqueue(ECHO, text="cd")
    redis.delete(INTAKE_LOCK)

    answer = client.post("/jobs:live", data={"shown": ""})

    assert "2 new" in answer.text


@pytest.mark.parametrize(
    ("data", "fault"),
    [
        (pickle.dumps(("billing.send", None, (), {})), PICKLE),
        (zlib.compress(pickle.dumps(("billing.send", None, ("a",), {}), protocol=2)), PICKLE),
        (b"\xff\x00", NOT_JSON),
        (b"{}", NO_CALL),
        (b"[1, 2", NOT_JSON),
        (json.dumps(["billing.send", None, ["a"], {}]).encode(), NO_NAMES),
        (None, NO_DATA),
        (b"x\x9c broken", "The arguments can't be unpacked: "),
    ],
)
def test_page_api_and_retry_say_why_the_input_is_unknown(client, page, put, redis, data, fault):
    job_id = put(data)
    page("/jobs")
    redis.hset(job_key(job_id), "status", "failed")

    assert fault in unescape(page(f"/jobs/{job_id}"))
    shown = client.get(f"/api/v1/jobs/{job_id}").json
    assert shown["input_fault"].startswith(fault)
    assert "input" not in shown
    refused = client.post(f"/api/v1/jobs/{job_id}/retry")
    assert refused.status_code == 409
    assert fault in refused.json["detail"]
    assert refused.json["detail"] in unescape(page(f"/jobs/{job_id}"))


def test_a_job_whose_function_is_no_task_shows_its_input_and_says_why_it_is_not_retried(client, page, queue, redis):
    job = queue.enqueue("billing.send", copies=2)
    page("/jobs")
    assert "run again here" not in page(f"/jobs/{job.id}")
    redis.hset(job.key, "status", "failed")

    assert "copies 2" in page(f"/jobs/{job.id}")
    refused = client.post(f"/api/v1/jobs/{job.id}/retry")

    assert refused.status_code == 409
    assert "send is no task of a worker that is online" in refused.json["detail"]
    assert refused.json["detail"] in unescape(page(f"/jobs/{job.id}"))


def test_page_and_api_name_the_positional_arguments_of_a_task(client, page, queue, registry):
    job = queue.enqueue(ECHO, "ab")
    assert "text ab" in page(f"/jobs/{job.id}")

    shown = client.get(f"/api/v1/jobs/{job.id}").json

    assert shown["input"] == {"text": "ab"}
    assert "input_fault" not in shown


def test_a_job_of_rq_cron_with_json_is_listed_and_can_be_retried(client, page, redis, redis_url, tmp_path, registry):
    file = tmp_path / "cron_file.py"
    file.write_text(CRON_FILE)
    command = [sys.executable, "-m", "rq.cli", "cron", "--url", redis_url, str(file)]
    with subprocess.Popen(command, cwd=BACKEND, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as scheduler:
        try:
            wait_until(lambda: redis.llen("rq:queue:default"))
        finally:
            scheduler.terminate()

    [job] = client.get("/api/v1/jobs").json["data"]
    assert job["task"] == "echo"
    assert "from cron" in page("/jobs")
    assert client.get(f"/api/v1/jobs/{job['id']}").json["input"] == {"text": "from cron"}
    client.post(f"/api/v1/jobs/{job['id']}/cancel")
    assert client.post(f"/api/v1/jobs/{job['id']}/retry").status_code == 202
