"""`taskdesk artifacts move`: from a folder to a bucket, interrupted or not."""

from __future__ import annotations

import io
import os
import signal
import subprocess
import sys
import urllib.request

import pytest

from taskdesk.jobs.arguments import Arguments
from taskdesk.jobs.artifacts import UploadedFile
from taskdesk.jobs.desk import Desk
from taskdesk.jobs.errors import ArtifactNotFound
from taskdesk.jobs.stores import open_store
from taskdesk.service.settings import SharedSettings, load
from tests.conftest import BACKEND
from tests.waiting import wait_until


@pytest.fixture
def settings(bucket, redis_url, tmp_path):
    given = {name.lower(): value for name, value in bucket.settings().items()}
    return load(SharedSettings, env="dev", redis_url=redis_url, data_dir=tmp_path, **given)


@pytest.fixture
def in_bucket(settings):
    return open_store(settings)


@pytest.fixture
def submit(settings, redis, registry):
    """Submit a job with a file, which goes to the folder. Return the id of the job."""
    desk = Desk(settings.model_copy(update={"artifacts": ""}), redis)
    spec = desk.catalog.task("count_bytes")

    def submit(content=b"content", filename="Größe.csv"):
        upload = UploadedFile(filename, "text/csv", io.BytesIO(content))
        return desk.submit(spec, Arguments({}, {"data": [upload]})).id

    return submit


@pytest.fixture
def command(settings, bucket, redis_url, tmp_path):
    given = {**os.environ, **bucket.settings(), "REDIS_URL": redis_url, "DATA_DIR": str(tmp_path)}

    def start(*arguments, **changed):
        words = [sys.executable, "-m", "taskdesk", "artifacts", "move", *arguments]
        output = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
        return subprocess.Popen(words, cwd=BACKEND, env={**given, **changed}, **output)

    return start


def ended(process):
    stdout, stderr = process.communicate(timeout=60)
    return process.returncode, stdout, stderr


def files_in(folder):
    return [path for path in folder.rglob("*") if path.is_file() and path.name != ".now"]


def test_files_are_moved_with_their_names(submit, command, in_bucket, tmp_path):
    job_id = submit()

    status, stdout, _ = ended(command())

    assert (status, stdout) == (
        0,
        f"Moved 1 file of 1 job (0.0 MB) from {tmp_path / 'artifacts'} to s3://files/desk.\n",
    )
    assert files_in(tmp_path / "artifacts") == []
    with urllib.request.urlopen(in_bucket.link(job_id, "input-data.csv", "GET")) as answer:
        assert answer.read() == b"content"
        assert answer.headers["Content-Disposition"].endswith("UTF-8''Gr%C3%B6%C3%9Fe.csv")
        assert answer.headers["Content-Type"] == "text/csv"


@pytest.mark.slow
def test_it_may_be_killed_and_started_again(submit, command, in_bucket, tmp_path):
    ids = [submit(str(number).encode() * 1000) for number in range(100)]

    killed = command()
    wait_until(lambda: len(files_in(tmp_path / "artifacts")) < 90, what="some are moved")
    killed.send_signal(signal.SIGKILL)
    ended(killed)
    left = len(files_in(tmp_path / "artifacts"))
    status, stdout, _ = ended(command())

    assert 0 < left < 90
    assert status == 0
    assert stdout.startswith(f"Moved {left:,} files of ")
    assert files_in(tmp_path / "artifacts") == []
    for number, job_id in enumerate(ids):
        with in_bucket.open(job_id, "input-data.csv") as file:
            assert file.read() == str(number).encode() * 1000


def test_what_the_bucket_has_already_is_not_replaced(submit, command, in_bucket, tmp_path):
    job_id = submit(b"old")
    in_bucket.save(job_id, "input-data.csv", io.BytesIO(b"new"))

    assert ended(command())[0] == 0

    with in_bucket.open(job_id, "input-data.csv") as file:
        assert file.read() == b"new"
    assert files_in(tmp_path / "artifacts") == []


def test_files_of_a_job_that_is_gone_stay_for_the_sweep(submit, command, in_bucket, redis, tmp_path):
    job_id = submit()
    redis.flushall()

    status, _, stderr = ended(command())

    assert (status, stderr) == (
        0,
        "Files stay of 1 job that Redis does not know: the worker removes them, or you do.\n",
    )
    assert len(files_in(tmp_path / "artifacts")) == 1
    with pytest.raises(ArtifactNotFound):
        in_bucket.open(job_id, "input-data.csv")


@pytest.mark.slow
def test_without_a_bucket_and_without_its_server_nothing_is_lost(submit, command, tmp_path):
    submit()

    folder = ended(command(ARTIFACTS=""))
    away = ended(command(AWS_ENDPOINT_URL="http://127.0.0.1:9"))

    assert folder[0] == 2
    assert "Set ARTIFACTS to the bucket that the files go to" in folder[2]
    assert away[0] == 3
    assert "The store of the files can't be reached at the moment." in away[2]
    assert len(files_in(tmp_path / "artifacts")) == 1
