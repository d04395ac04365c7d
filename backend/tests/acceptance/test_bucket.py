"""A desk whose files are in a bucket: web, worker and command line, all real, and a server that speaks S3."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
import requests

from tests.conftest import BACKEND, ObjectServer, free_port, running
from tests.waiting import wait_until

pytestmark = pytest.mark.slow
TABLE = b"a,b\n1,2\n"
PNG = b"\x89PNG\r\n\x1a\n rest"


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    server = ObjectServer(free_port(), tmp_path_factory.mktemp("objects") / "log")
    server.start()
    server.make_bucket()
    yield server
    server.stop()


@pytest.fixture(scope="module")
def desk(server, tmp_path_factory):
    folder = tmp_path_factory.mktemp("desk")
    with running(folder, "count_bytes", TASKS="tests.sample_tasks", **server.settings()) as stack:
        stack.folder = folder
        yield stack


def submit(desk, task, files=(), **values):
    answer = requests.post(f"{desk.url}/api/v1/tasks/{task}/jobs", files=files or None, json=None if files else values)
    assert answer.status_code == 202, answer.text
    return ended(desk, answer.json()["id"])


def ended(desk, job_id):
    def ended():
        job = requests.get(f"{desk.url}/api/v1/jobs/{job_id}").json()
        return job if job["status"] in ("succeeded", "failed", "canceled") else None

    return wait_until(ended, what="the job has ended")


def command(desk, *arguments):
    words = [sys.executable, "-m", "taskdesk", *arguments]
    return subprocess.run(words, cwd=BACKEND, env=desk.environment, capture_output=True, timeout=60, check=True)


def file_url(desk, job, name):
    return f"{desk.url}/api/v1/jobs/{job['id']}/artifacts/{name}"


def test_an_upload_reaches_the_task_and_can_be_used_again(desk):
    job = submit(desk, "count_bytes", files={"data": ("Größe.csv", TABLE, "text/csv")})
    assert (job["status"], job["result"]["value"]) == ("succeeded", len(TABLE))

    again = requests.post(f"{desk.url}/api/v1/jobs/{job['id']}/retry").json()
    assert ended(desk, again["id"])["result"]["value"] == len(TABLE)

    form = requests.Session()
    page = form.get(f"{desk.url}/tasks/count_bytes?from={job['id']}")
    assert "Größe.csv" in page.text
    sent = form.post(page.url, data={"-reuse": "data"}, headers={"Origin": desk.url}, allow_redirects=False)
    assert sent.status_code == 303, sent.text
    edited = ended(desk, sent.headers["Location"].rpartition("/")[2])
    assert edited["result"]["value"] == len(TABLE)
    assert edited["input"]["data"]["filename"] == "Größe.csv"


def test_a_file_is_downloaded_from_the_bucket_by_a_short_lived_link(desk, server):
    job = submit(desk, "count_bytes", files={"data": ("Größe.csv", TABLE, "text/csv")})
    address = file_url(desk, job, "input-data.csv")

    answer = requests.get(address, allow_redirects=False)
    file = requests.get(address)
    part = requests.get(address, headers={"Range": "bytes=0-2"})

    assert (answer.status_code, answer.headers["Cache-Control"]) == (307, "no-store")
    assert answer.headers["Location"].startswith(f"{server.url}/files/desk/")
    assert "X-Amz-Expires=300" in answer.headers["Location"]
    assert answer.headers["Referrer-Policy"] == "same-origin"
    assert file.content == TABLE
    assert (
        file.headers["Content-Disposition"]
        == "attachment; filename=\"Gr??e.csv\"; filename*=UTF-8''Gr%C3%B6%C3%9Fe.csv"
    )
    assert (part.status_code, part.content) == (206, b"a,b")
    assert requests.head(address, allow_redirects=True).status_code == 200


def test_pictures_come_through_the_web_with_its_headers(desk):
    job = submit(desk, "parts")
    parts = requests.get(f"{desk.url}/api/v1/jobs/{job['id']}/result").json()

    picture = requests.get(desk.url + parts["picture"], allow_redirects=False)
    again = requests.get(picture.url, headers={"If-None-Match": picture.headers["ETag"]})
    saved = requests.get(f"{picture.url}?download=1", allow_redirects=False)
    drawing = requests.get(desk.url + parts["drawing"], allow_redirects=False)

    assert (picture.status_code, picture.content, picture.headers["Content-Type"]) == (200, PNG, "image/png")
    assert picture.headers["Content-Disposition"].startswith("inline;")
    assert picture.headers["X-Content-Type-Options"] == "nosniff"
    assert picture.headers["Content-Security-Policy"] == "default-src 'none'; sandbox"
    assert again.status_code == 304
    assert saved.headers["Content-Disposition"].startswith("attachment;")
    assert drawing.status_code == 307  # it may have scripts: a download only


def test_the_command_line_reads_and_submits_files(desk, tmp_path):
    upload, saved = tmp_path / "a.csv", tmp_path / "saved"
    upload.write_bytes(TABLE)

    shown = command(desk, "submit", "count_bytes", f"data=@{upload}", "--wait").stdout.decode()
    assert str(len(TABLE)) in shown

    job = submit(desk, "parts")
    command(desk, "result", job["id"], "--part", "file", "-o", str(saved))
    assert saved.read_bytes() == b"content"


def test_a_deleted_job_leaves_no_object(desk, server):
    job = submit(desk, "parts")
    address = file_url(desk, job, "model.txt")
    link = requests.get(address, allow_redirects=False).headers["Location"]

    assert requests.delete(f"{desk.url}/api/v1/jobs/{job['id']}").status_code == 204

    assert requests.get(link).status_code == 404
    assert not (desk.folder / "artifacts").exists()


def test_while_the_bucket_is_away_each_surface_has_a_sentence(desk, server):
    job = submit(desk, "parts")
    server.stop()

    upload = {"data": ("a.csv", TABLE, "text/csv")}
    refused = requests.post(f"{desk.url}/api/v1/tasks/count_bytes/jobs", files=upload)
    download = requests.get(file_url(desk, job, "model.txt"))
    failed = submit(desk, "parts")

    for answer in (refused, download):
        assert (answer.status_code, answer.headers["Retry-After"]) == (503, "5")
        assert answer.json()["detail"] == "The store of the files can't be reached at the moment. Try again shortly."
    assert failed["status"] == "failed"
    assert "can't be reached" in failed["error"]["detail"]
    assert "Traceback" not in Path(desk.folder, "server.log").read_text()
