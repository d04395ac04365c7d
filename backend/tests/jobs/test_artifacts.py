"""The store of files: whole or not at all, and never outside its folder."""

from __future__ import annotations

import io

import pytest

from taskdesk.jobs.artifacts import FolderStore, clean_filename, stored_name
from taskdesk.jobs.errors import ArtifactNotFound


@pytest.fixture
def store(tmp_path):
    return FolderStore(tmp_path / "store")


def test_a_file_comes_back_as_it_was(store):
    assert store.save("job-1", "a b.txt", io.BytesIO(b"content")) == 7

    with store.open("job-1", "a b.txt") as file:
        assert file.read() == b"content"
    assert [job_id for job_id, _ in store.job_ids()] == ["job-1"]


@pytest.mark.parametrize("name", ["../x", "a/b", "/etc/passwd", "", ".hidden", "a\0b", "a\nb", "x" * 200])
def test_a_name_that_leads_elsewhere_is_refused(store, name):
    with pytest.raises(ValueError, match="can't be a file's name"):
        store.save("job-1", name, io.BytesIO(b""))
    with pytest.raises(ArtifactNotFound):
        store.open("job-1", name)


@pytest.mark.parametrize("job_id", ["..", "../x", "a/b", ""])
def test_a_job_id_that_leads_elsewhere_is_refused(store, job_id):
    with pytest.raises(ArtifactNotFound):
        store.open(job_id, "a.txt")
    with pytest.raises(ValueError, match="is no job id"):
        store.delete(job_id)


def test_a_file_that_breaks_off_leaves_nothing(store):
    class Broken(io.BytesIO):
        def read(self, *args):
            raise OSError("disk full")

    with pytest.raises(OSError, match="disk full"):
        store.save("job-1", "a.txt", Broken())

    with pytest.raises(ArtifactNotFound):
        store.open("job-1", "a.txt")


@pytest.mark.parametrize(
    ("filename", "stored"),
    [
        ("model.txt", "model.txt"),
        ("my model.txt", "my model.txt"),
        ("Größe (neu).csv", "file-1.csv"),
        (".hidden", "file-1.hidden"),
        ("input-data.csv", "file-1.csv"),
        ("taken.csv", "file-1.csv"),
        ("a..b", "a..b"),
        ("结果", "file-1"),
        ("x" * 255, "file-1"),
    ],
)
def test_a_file_of_any_name_has_a_safe_one_in_the_store(store, filename, stored):
    assert stored_name(filename, {"taken.csv", "file-0.csv"}) == stored
    store.save("job-1", stored, io.BytesIO(b""))
    assert stored_name("ä.csv", {"file-1.csv", "file-2.csv"}) == "file-3.csv"


@pytest.mark.parametrize("filename", ["", ".", "..", "a/b", "..\\x", "a\0", "a\nb", "a\x85b", "x" * 256, "\ud800"])
def test_a_path_is_no_name_of_a_file(filename):
    with pytest.raises(ValueError, match="can't be a file's name"):
        stored_name(filename, ())


def test_what_is_not_ours_in_the_folder_is_left_alone(store, tmp_path):
    store.save("job-1", "a.txt", io.BytesIO(b"x"))
    (tmp_path / "store" / "ab").mkdir()
    (tmp_path / "store" / "ab" / ".DS_Store").touch()

    assert [job_id for job_id, _ in store.job_ids()] == ["job-1"]


def test_deleting_twice_is_fine(store):
    store.save("job-1", "a.txt", io.BytesIO(b"x"))
    store.delete("job-1")
    store.delete("job-1")

    assert list(store.job_ids()) == []


@pytest.mark.parametrize("link", ["a.txt", "."])
def test_a_link_that_leads_elsewhere_is_no_file(store, tmp_path, link):
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "a.txt").write_text("a secret")
    folder = tmp_path / "store" / "-1" / "job-1"
    folder.parent.mkdir(parents=True)
    if link == ".":
        folder.symlink_to(tmp_path / "elsewhere")
    else:
        folder.mkdir()
        (folder / link).symlink_to(tmp_path / "elsewhere" / "a.txt")

    with pytest.raises(ArtifactNotFound):
        store.open("job-1", "a.txt")


@pytest.mark.parametrize(
    ("name", "cleaned"),
    [
        ("C:\\data\\a b.csv", "a b.csv"),
        ("/etc/passwd", "passwd"),
        ("a/", ""),
        ("..", ""),
        ("a/.", ""),
        ("..a", "..a"),
        ("a\r\nb", "a__b"),
        ("x" * 300 + ".csv.gz", "x" * 197 + ".gz"),
    ],
)
def test_the_name_for_people_is_no_path_has_no_control_characters_and_is_not_too_long(name, cleaned):
    assert clean_filename(name) == cleaned
