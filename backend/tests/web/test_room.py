"""No room: what the API and the pages answer while a queue, Redis or the disk is full."""

from __future__ import annotations

import http.client
import re
from contextlib import closing, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import quote

import gevent
import pytest
import requests

from taskdesk.web.application import create_app
from tests.conftest import Stack, wait_until

MB = 1 << 20
PLACES = 2
COUNT = "/api/v1/tasks/count_bytes/jobs"
HTML = {"Accept": "text/html"}


@pytest.fixture
def web_settings(web_settings):
    return web_settings.model_copy(update={"max_queued": PLACES})


@pytest.fixture
def post(client):
    def post(path, **options):
        return client.post(f"/api/v1/tasks/{path}", **({"json": {"text": "a"}} | options))

    return post


@pytest.fixture
def full(post, run_worker):
    """Fill the queue `default`; the id of a job that has ended."""
    ended = post("echo/jobs", headers={"Idempotency-Key": "first"}).json["id"]
    run_worker()
    for _ in range(PLACES):
        post("echo/jobs")
    return ended


def assert_refused(answer, status, title, says):
    assert (answer.status_code, answer.content_type, answer.headers["Retry-After"]) == (
        status,
        "application/problem+json",
        "5",
    )
    assert answer.json["title"] == title
    assert says in answer.json["detail"]


def test_every_way_to_submit_is_refused_by_a_full_queue(client, post, full):
    tomorrow = datetime.now(UTC) + timedelta(days=1)
    ways = [
        post("echo/jobs"),  # the fast path
        post("echo/jobs", headers={"X-Anything": "by Flask's"}),
        post("echo/jobs", headers={"Idempotency-Key": "new"}),
        post(f"echo/jobs?at={quote(tomorrow.isoformat())}"),
        post("echo/jobs:batch", json={"inputs": [{"text": "a"}]}),
        client.post(f"/api/v1/jobs/{full}/retry"),
    ]

    for answer in ways:
        assert_refused(answer, 429, "Queue full", "queue default is full: 2 jobs wait in it, and 2 may (MAX_QUEUED)")
    assert client.get("/api/v1/queues/default").json["jobs"]["queued"] == PLACES


def test_jobs_of_a_list_that_find_no_room_are_told_from_those_that_can_not_be_retried(client, full):
    matching = {"action": "retry", "filter": {"task": "echo"}, "expected_count": 3}
    done = client.post("/api/v1/jobs:bulk", json=matching)
    page = client.post("/jobs", data={"action": "retry", "expected_count": "1", "id": full}, follow_redirects=True)

    assert done.json["outcomes"] == {"refused": 1, "skipped": 2}
    assert "1 refused for lack of room; try again later." in page.text


def test_what_was_accepted_and_other_queues_are_answered_all_the_same(post, full):
    assert post("echo/jobs", headers={"Idempotency-Key": "first"}).json["id"] == full
    assert post("echo/jobs?queue=high").status_code == 202


def test_forms_say_that_the_queue_is_full_and_keep_what_was_typed(client, full):
    page = client.post("/tasks/echo", data={"text": "precious words", "times": "1"}, headers=HTML)
    again = client.post(f"/jobs/{full}/retry", headers=HTML)

    assert (page.status_code, page.headers["Retry-After"], again.status_code) == (429, "5", 429)
    assert re.search(r'role="alert"[^>]*>The queue default is full: 2 jobs wait in it', page.text)
    assert "precious words" in page.text
    assert "The queue default is full" in again.text


def test_the_queues_show_how_full_they_are(client, full):
    markup = client.get("/queues").text
    limits = [queue["limit"] for queue in client.get("/api/v1/queues").json["data"]]

    assert markup.count("over it, new jobs are refused") == 1
    assert "2 jobs wait here, scheduled jobs included. The limit is 2" in markup
    assert limits == [PLACES] * 3
    assert 'taskdesk_queue_limit{queue="default"} 2.0' in client.get("/metrics").text


def test_when_redis_is_full_every_submit_says_so_and_the_desk_tells_it(client, post, full, leave):
    leave(1.1)
    page = client.post("/tasks/echo", data={"text": "precious words", "-queue": "high", "times": "1"}, headers=HTML)

    assert_refused(post("echo/jobs?queue=high"), 503, "Redis full", "Redis has no room for more")
    assert (page.status_code, page.headers["Retry-After"]) == (503, "5")
    assert "Redis has no room for more" in page.text
    assert "precious words" in page.text
    for address in (
        "/",
        "/jobs",
        "/queues",
        "/api/v1/jobs",
        "/api/v1/jobs?status=succeeded",
        f"/api/v1/jobs/{full}/logs",
    ):
        assert client.get(address, headers=HTML).status_code == 200, address
    with client.get(f"/api/v1/jobs/{full}/events") as events:
        assert "event: end" in events.text
    leave(0.9)
    assert "New jobs are refused until there is room" in client.get("/").text


def test_while_redis_is_full_jobs_and_queues_are_changed_by_the_api(client, post, full, leave):
    waiting, other = (job["id"] for job in client.get("/api/v1/jobs?status=queued").json["data"])
    leave(1.1)

    assert client.post(f"/api/v1/jobs/{waiting}/cancel").json["status"] == "canceled"
    assert client.post(f"/api/v1/jobs/{full}/keep").status_code == 200
    assert [client.delete(f"/api/v1/jobs/{job}").status_code for job in (waiting, other, full)] == [204] * 3
    assert client.get("/api/v1/jobs:count").json["count"] == 0
    for paused in (True, False):
        assert client.patch("/api/v1/queues/high", json={"paused": paused}).json["paused"] is paused


def test_the_desk_says_nothing_while_there_is_room(client):
    assert "until there is room" not in client.get("/").text
    assert "Uploads are refused" not in client.get("/").text


@pytest.fixture
def small(web_settings, small_disk, registry):
    """A client of a desk with little room for files."""
    app = create_app(web_settings.model_copy(update={"data_dir": small_disk}))
    return app.test_client()


def upload(size, **texts):
    """A form with a file of so many bytes. A test client would write a large one to the disk."""
    fields = {name: (text, "") for name, text in texts.items()} | {"data": ("x" * size, '; filename="table.csv"')}
    parts = [
        f'--x\r\nContent-Disposition: form-data; name="{name}"{more}\r\n\r\n{text}\r\n'
        for name, (text, more) in fields.items()
    ]
    body = "".join(parts) + "--x--\r\n"
    return {"data": body.encode(), "content_type": "multipart/form-data; boundary=x"}


def files(folder):
    return {path.name for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize("headers", [{}, {"Idempotency-Key": "one"}])
def test_an_upload_for_which_there_is_no_room_leaves_nothing(small, small_disk, headers):
    (small_disk / "ballast").write_bytes(b"x" * 5 * MB)

    refused = small.post(COUNT, **upload(3 * MB), headers=headers)
    taken = small.post(COUNT, **upload(MB))

    assert_refused(refused, 503, "Disk full", "There is no room for 3,1")
    assert taken.status_code == 202
    assert files(small_disk) == {"ballast", "input-data.csv"}
    assert small.get("/api/v1/jobs:count").json["count"] == 1


def test_a_form_says_that_there_is_no_room_for_its_file_and_keeps_the_rest(small, small_disk):
    (small_disk / "ballast").write_bytes(b"x" * (7_900 << 10))

    page = small.post("/tasks/count_bytes", **upload(MB, **{"-tag": "precious"}), headers=HTML)

    assert (page.status_code, page.headers["Retry-After"]) == (503, "5")
    assert "There is no room for 1,048,576 more bytes" in page.text
    assert 'value="precious"' in page.text
    assert "Uploads are refused" in small.get("/").text
    assert small.post("/api/v1/tasks/echo/jobs", json={"text": "a"}).status_code == 202


def test_an_upload_is_refused_before_its_bytes_are_sent(small, connect, serve):
    head = "POST /api/v1/tasks/count_bytes/jobs HTTP/1.1\r\nHost: localhost\r\nContent-Length: 50000000\r\n"
    client = connect(serve(small.application))

    with gevent.Timeout(10):
        answer = client.send(head + "Content-Type: multipart/form-data; boundary=x\r\n\r\n").answer()

    assert answer.startswith(b"HTTP/1.1 503 ")
    assert b"There is no room for 50,000,000 more bytes" in answer


def test_a_temporary_folder_that_is_full_is_said_and_is_no_bug(redis_url, registry, small_disk, tmp_path):
    web = Stack(redis_url, tmp_path, TMPDIR=str(small_disk))
    web.start("server")

    def send():
        return requests.post(web.url + COUNT, files={"data": ("table.csv", b"x" * 2 * MB)}, timeout=60)

    try:
        wait_until(lambda: web.answers("/api/v1/tasks/count_bytes"), what="the web answers")
        wait_until(lambda: send().status_code == 202, what="it takes a file")  # a busy machine may need two tries
        with suppress(OSError), (small_disk / "ballast").open("wb") as ballast:
            while True:
                ballast.write(b"x" * MB)
        answer = send()
        after = [requests.get(web.url + path, timeout=60).status_code for path in ("/", "/queues", "/jobs", "/metrics")]
    finally:
        web.stop()

    assert (answer.status_code, answer.json()["title"], answer.headers["Retry-After"]) == (503, "No room", "5")
    assert after == [200] * 4
    assert "Traceback" not in web.log("server")


@pytest.mark.slow
def test_a_large_upload_takes_little_memory(redis_url, registry, tmp_path):
    stack = Stack(redis_url, tmp_path, MAX_UPLOAD_BYTES=str(200 * MB))
    web = stack.start("server")

    def largest():
        status = Path(f"/proc/{web.pid}/status").read_text()
        return int(re.search(r"VmHWM:\s+(\d+) kB", status)[1]) * 1024

    def body():
        yield b'--x\r\nContent-Disposition: form-data; name="data"; filename="a.csv"\r\n\r\n'
        yield from [bytes(MB)] * 150
        yield b"\r\n--x--\r\n"

    try:
        wait_until(lambda: stack.answers("/api/v1/tasks/count_bytes"), what="the web answers")
        before = largest()
        size = sum(map(len, body()))
        headers = {"Content-Type": "multipart/form-data; boundary=x", "Content-Length": str(size)}
        connection = http.client.HTTPConnection("127.0.0.1", stack.port, timeout=60)
        with closing(connection):
            connection.request("POST", COUNT, body(), headers)
            assert connection.getresponse().status == 202

        assert largest() - before < 64 * MB
    finally:
        stack.stop()
