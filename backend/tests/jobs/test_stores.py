"""What holds for every store of files, in a folder and in a bucket; and what a bucket adds."""

from __future__ import annotations

import io
import tempfile
import urllib.error
import urllib.request

import pytest

from taskdesk.jobs.errors import ArtifactNotFound, StoreUnavailable
from taskdesk.jobs.stores import open_store
from taskdesk.service.settings import SharedSettings, load

MB = 1 << 20


def s3_settings(server, **changed):
    given = {name.lower(): value for name, value in {**server.settings(), **changed}.items()}
    return load(SharedSettings, env="dev", **given)


@pytest.fixture
def s3(bucket, tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return open_store(s3_settings(bucket))


@pytest.fixture(params=["folder", "bucket"])
def store(request, tmp_path):
    if request.param == "bucket":
        return request.getfixturevalue("s3")
    return open_store(load(SharedSettings, env="dev", data_dir=tmp_path / "data"))


def test_a_file_comes_back_as_it_was(store):
    assert store.save("job-1", "a b.txt", io.BytesIO(b"content")) == 7

    with store.open("job-1", "a b.txt") as file:
        assert file.read() == b"content"
    assert store.local_path("job-1", "a b.txt").read_bytes() == b"content"
    assert store.local_path("job-1", "a b.txt").name == "a b.txt"


@pytest.mark.parametrize(("content", "head"), [(b"", b""), (b"abc", b"abc"), (b"abcdef", b"abcd")])
def test_the_first_bytes_of_a_file_are_read_alone(store, content, head):
    store.save("job-1", "a", io.BytesIO(content))

    assert store.head("job-1", "a", 4) == head


@pytest.mark.parametrize("size", [0, 1, 20 * MB + 1])
def test_a_file_of_any_size_comes_back(store, size):
    with tempfile.SpooledTemporaryFile(100) as content:
        content.write(b"x" * size)

        assert store.save("job-1", "a", content) == size
    with store.open("job-1", "a") as file:
        assert len(file.read()) == size


def test_a_file_is_replaced_by_one_of_the_same_name(store):
    store.save("job-1", "a", io.BytesIO(b"first"))
    store.save("job-1", "a", io.BytesIO(b"second"))

    with store.open("job-1", "a") as file:
        assert file.read() == b"second"


@pytest.mark.parametrize("name", ["../x", "a/b", "/etc/passwd", "", ".hidden", "a\0b", "x" * 200])
def test_a_name_that_leads_elsewhere_is_refused(store, name):
    with pytest.raises(ValueError, match="can't be a file's name"):
        store.save("job-1", name, io.BytesIO(b""))
    for read in (store.open, store.local_path, lambda job_id, name: store.head(job_id, name, 1)):
        with pytest.raises(ArtifactNotFound):
            read("job-1", name)


@pytest.mark.parametrize("job_id", ["..", "../x", "a/b", ""])
def test_a_job_id_that_leads_elsewhere_is_refused(store, job_id):
    with pytest.raises(ArtifactNotFound):
        store.open(job_id, "a.txt")
    with pytest.raises(ValueError, match="is no job id"):
        store.delete(job_id)


@pytest.mark.parametrize("size", [10, 20 * MB])
def test_a_file_that_breaks_off_leaves_nothing(store, size):
    class Broken(io.BytesIO):
        def read(self, *args):
            if self.tell():
                raise OSError("broken off")
            return super().read(5)

    with pytest.raises(OSError, match="broken off"):
        store.save("job-1", "a.txt", Broken(b"x" * size))

    with pytest.raises(ArtifactNotFound):
        store.open("job-1", "a.txt")


def test_the_files_of_a_job_are_deleted_and_no_others(store):
    for job_id, name in (("job-1", "a"), ("job-1", "b"), ("job-11", "a")):
        store.save(job_id, name, io.BytesIO(b""))

    store.remove("job-1", "b")
    with store.open("job-1", "a") as file:
        assert file.read() == b""
    store.remove("job-1", "b")
    store.delete("job-1")
    store.delete("job-1")

    assert [job_id for job_id, age in store.job_ids() if age < 60] == ["job-11"]


def test_a_file_in_a_bucket_keeps_its_time(s3):
    s3.save("job-1", "a", io.BytesIO(b"x"))

    first, second = s3.local_path("job-1", "a").stat(), s3.local_path("job-1", "a").stat()
    assert first.st_mtime == second.st_mtime


def test_a_link_downloads_the_file_under_its_name_and_never_shows_it(s3):
    s3.save("job-1", "input-a.html", io.BytesIO(b"<script>"), "Größe\r\n.html", "text/html")

    with urllib.request.urlopen(s3.link("job-1", "input-a.html", "GET")) as answer:
        assert answer.read() == b"<script>"
        assert answer.headers["Content-Disposition"].startswith("attachment; ")
        assert answer.headers["Content-Disposition"].endswith("filename*=UTF-8''Gr%C3%B6%C3%9Fe__.html")
        assert answer.headers["Content-Type"] == "text/html"


def test_a_link_is_for_one_file_that_is_there(s3):
    with pytest.raises(ArtifactNotFound):
        s3.link("job-1", "a", "GET")


def test_a_bucket_that_does_not_answer_gets_a_sentence(s3, bucket, caplog):
    away = open_store(s3_settings(bucket, AWS_ENDPOINT_URL="http://127.0.0.1:9"))

    for use in (lambda: away.save("job-1", "a", io.BytesIO(b"x")), lambda: away.open("job-1", "a")):
        with pytest.raises(StoreUnavailable, match=r"can't be reached at the moment\. Try"):
            use()
    away.delete("job-1")  # the sweep does it later
    assert "127.0.0.1:9" in caplog.text


def test_a_bucket_that_is_gone_is_not_a_file_that_is_gone(bucket):
    store = open_store(s3_settings(bucket, ARTIFACTS="s3://another/desk"))

    with pytest.raises(StoreUnavailable, match=r"refuses this \(NoSuchBucket\)"):
        store.open("job-1", "a")


def test_what_is_not_ours_in_the_bucket_is_left_alone(bucket):
    ours, all_of_it = open_store(s3_settings(bucket)), open_store(s3_settings(bucket, ARTIFACTS="s3://files"))
    all_of_it.save("job-1", "a", io.BytesIO(b""))

    assert [*ours.job_ids()] == []
    assert [job_id for job_id, _ in all_of_it.job_ids()] == ["job-1"]
    ours.save("job-2", "a", io.BytesIO(b""))
    assert [job_id for job_id, _ in all_of_it.job_ids()] == ["job-1"]
