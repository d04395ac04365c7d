"""The files and pictures that a task returns, and where they are kept."""

from __future__ import annotations

import json
import math
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from rq.timeouts import JobTimeoutException

from taskdesk import File, Markdown, Picture, Table, temporary_folder
from taskdesk.jobs.errors import UnstorableResult
from tests.worker.child.returned import PNG, Model, Scores, Secret


def _stored(file: str, size: int, media_type: str = "text/plain") -> dict[str, Any]:
    return {"artifact": file, "media_type": media_type, "size": size, "filename": file}


def test_files_are_found_at_any_depth(write, store):
    folder = temporary_folder()
    for name in ("a.txt", "b.txt"):
        (folder / name).write_text(name)

    both = [_stored("a.txt", 5), _stored("b.txt", 5)]
    assert write([folder / "a.txt", folder / "b.txt"]) == (both, ["json", "/0", "/1"])
    assert write({"x/y": Markdown("a"), "more": {"p": folder / "a.txt"}})[1] == {
        "x/y": "markdown",
        "more": ["json", "/p"],
    }
    value, kinds = write({"out": {"file": folder / "a.txt"}, "n": 1})
    assert (value, kinds) == ({"out": {"file": _stored("a.txt", 5)}, "n": 1}, ["json", "/out/file"])
    assert store.local_path("job", "a.txt").read_bytes() == b"a.txt"
    assert write(Scores(1, (folder / "b.txt",)))[0] == {"mean": 1, "files": [_stored("b.txt", 5)]}
    assert write([Model(at="2026-01-02", path=folder / "a.txt")])[0][0]["path"] == _stored("a.txt", 5)
    assert write(Table(["file"], [[folder / "a.txt"]]))[0]["rows"] == [[_stored("a.txt", 5)]]


def test_two_files_of_one_name_are_kept_apart(write, store):
    value, _ = write([File("a.txt", b"1", "text/plain"), [File("a.txt", b"2", "text/plain")]])

    assert [value[0]["artifact"], value[1][0]["artifact"]] == ["a.txt", "file-1.txt"]
    assert store.local_path("job", "file-1.txt").read_bytes() == b"2"


def test_pictures_files_and_markdown_are_kept_at_any_depth(write):
    value, kinds = write({"a": [Picture(b"<svg/>"), {"b": Picture(PNG)}, Markdown("# c"), File("d", b"")]})

    assert kinds == ["json", "/a/0", "/a/1/b", "/a/3"]
    assert [value["a"][0]["filename"], value["a"][1]["b"]["filename"]] == ["0.svg", "b.png"]
    assert value["a"][2:] == ["# c", _stored("d", 0, "application/octet-stream")]


@pytest.mark.parametrize(
    ("returned", "kind", "filename", "media_type"),
    [
        (PNG, "picture", "result.png", "image/png"),
        (b" <svg></svg>", "picture", "result.svg", "image/svg+xml"),
        (b"x", "file", "result.bin", "application/octet-stream"),
        (bytearray(b"x"), "file", "result.bin", "application/octet-stream"),
        (File("a.xyz", b"x", None), "file", "a.xyz", "application/octet-stream"),
    ],
)
def test_bytes_are_a_picture_or_a_file(write, returned, kind, filename, media_type):
    value, kinds = write(returned)

    assert (kinds, value["filename"], value["media_type"]) == (kind, filename, media_type)


def test_bytes_of_a_buffer_are_a_picture_or_a_file(write):
    value, kinds = write({"plot": BytesIO(PNG), "deep": [BytesIO(b"x")]})

    assert (kinds, value["plot"]["filename"], value["deep"]) == (
        {"plot": "picture", "deep": "json"},
        "plot.png",
        ["eA=="],
    )


def test_bytes_in_a_value_are_standard_base64(write):
    assert write({"a": [b"\xff\xfe", bytearray(b"\xff")], "m": Secret(inner=b"\xff\xef")})[0] == {
        "a": ["//4=", "/w=="],
        "m": {"inner": "/+8=", "key": "**********"},
    }


def test_a_file_of_the_job_that_does_not_exist_is_refused(refused):
    folder = temporary_folder()

    assert f"The result at /a/0 is the file '{folder}/x', which does not exist. " in refused({"a": [folder / "x"]})
    assert "which is a folder: return its files, or an archive" in refused({"a": {"b": folder}})
    assert "which is a folder" in refused(folder)


@pytest.mark.parametrize(
    ("returned", "place"),
    [
        ({"file": File("model.bin", b"x"), "score": math.nan}, "The result at /score holds NaN"),
        ({"score": object(), "file": File("model.bin", b"x")}, "The result at /score can't be kept"),
        ({"a": Path("/nowhere"), "file": File("model.bin", b"x")}, "The result at /a is the file '/nowhere'"),
        ({1: File("model.bin", b"x"), "1": 2}, "The result has two keys that are '1' in JSON"),
        ({"1": 2, 1: [File("model.bin", b"x")]}, "The result has two keys that are '1' in JSON"),
        ([{"a": {1: 2, "1": 3}}, [File("model.bin", b"x")]], "The result at /0/a has two keys"),
        (
            {"gone": File("a", Path("/nowhere")), "file": File("model.bin", b"x")},
            "The result at /gone is the file '/nowhere'",
        ),
    ],
)
def test_the_files_of_a_refused_result_are_kept(write, store, returned, place):
    with pytest.raises(UnstorableResult) as caught:
        write(returned)

    assert str(caught.value).startswith(place)
    assert str(caught.value).endswith(" Its files are kept: 'result.json', 'model.bin'.")
    assert [file["artifact"] for file in caught.value.files] == ["taskdesk-result.json", "model.bin"]
    assert store.local_path("job", "model.bin").read_bytes() == b"x"


@pytest.mark.parametrize("key", [frozenset([1]), b"\xff", 10**5000, object], ids=["set", "bytes", "huge", "class"])
def test_a_key_that_is_no_text_costs_no_file(write, store, key):
    for returned in ({key: 1, "model": File("model.bin", b"x")}, [{key: [File("model.bin", b"x")]}]):
        with pytest.raises(UnstorableResult, match="has a key of the class"):
            write(returned)
        assert store.local_path("job", "model.bin").read_bytes() == b"x"


def test_a_part_with_many_faults_costs_no_file_of_the_parts_beside_it(write, store):
    with pytest.raises(UnstorableResult, match="at /many/0 can't be kept"):
        write({"many": [object()] * 1000, "model": File("model.bin", b"x"), "loss": 0.5})

    assert store.local_path("job", "model.bin").read_bytes() == b"x"
    assert json.loads(store.local_path("job", "taskdesk-result.json").read_text())["loss"] == 0.5


def test_a_time_limit_leaves_no_file(write, tmp_path):
    def late():
        yield File("a.txt", b"x")
        raise JobTimeoutException

    with pytest.raises(JobTimeoutException):
        write([File("a.txt", b"x"), late()])

    assert not list(tmp_path.glob("artifacts/*/*/a.txt"))
