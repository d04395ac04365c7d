"""An uploaded file arrives with the suffix and the name that a person gave it; `bytes` are a file's content."""

from __future__ import annotations

import io

import pytest

CONTENT = b"\x00\xff content"


def chosen(name, content=CONTENT):
    return io.BytesIO(content), name


@pytest.fixture
def result_of(client, run_worker):
    """Send a multipart form to the API and return the result of the job, or the errors."""

    def result_of(task, **files):
        sent = client.post(f"/api/v1/tasks/{task}/jobs", data=files)
        if sent.status_code == 422:
            return sent.json["errors"]
        run_worker()
        return client.get(f"{sent.location}/result").json

    return result_of


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "stored"),
    [
        ("data.xlsx", "input-any.xlsx"),
        ("t.csv.gz", "input-any.csv.gz"),
        ("site.TAR.bz2", "input-any.TAR.bz2"),
        ("report.v1.2.docx", "input-any.docx"),
        ("../../etc/my passwords.kdbx", "input-any.kdbx"),
        ("README", "input-any"),
        (".gz", "input-any.gz"),
        ("odd.<b>", "input-any"),
    ],
)
def test_a_file_of_any_kind_keeps_its_suffix_and_the_function_can_learn_its_name(result_of, name, stored):
    assert result_of("takes_files", any=chosen(name)) == {"any": [stored, name.rpartition("/")[2]]}


@pytest.mark.parametrize(
    ("name", "stored"), [("Table.CSV", "input-table.CSV"), ("table.txt", "input-table.csv"), ("x", "input-table.csv")]
)
def test_a_file_has_an_extension_that_its_task_wants(result_of, name, stored):
    result = result_of("takes_files", any=chosen("a.b"), table=chosen(name))

    assert result["table"] == [stored, name]


def test_the_name_of_a_parameter_need_not_be_one_of_a_file(result_of):
    assert result_of("takes_files", any=chosen("a.b"), größe=chosen("ä.zip"))["größe"] == ["input-2.zip", "ä.zip"]


def test_the_same_file_field_twice_is_an_error(client, result_of, run, tmp_path):
    sentence = "This was given 2 times. Give it once."
    twice = [chosen("a.txt"), chosen("b.txt")]
    (tmp_path / "a.txt").write_text("a")

    page = client.post("/tasks/takes_files", data={"any": [chosen("a.txt"), chosen("b.txt")]})
    line = run("submit", "takes_files", *[f"any=@{tmp_path / 'a.txt'}"] * 2)

    assert result_of("takes_files", any=twice) == [{"pointer": "/any", "detail": sentence}]
    assert (page.status_code, sentence in page.text) == (422, True)
    assert (line.exit_code, f"any: {sentence}" in line.stderr) == (2, True)


def test_an_empty_file_field_beside_a_file_is_no_second_file(result_of):
    nothing = (io.BytesIO(b""), "")

    assert result_of("takes_files", any=[nothing, chosen("a.txt")]) == {"any": ["input-any.txt", "a.txt"]}


def test_bytes_are_the_content_of_a_file_by_every_way(client, run, run_worker, tmp_path, result_of):
    (tmp_path / "a.bin").write_bytes(CONTENT)
    ids = [
        client.post("/api/v1/tasks/takes_bytes/jobs", data={"content": chosen("a.bin")}).json["id"],
        client.post("/tasks/takes_bytes", data={"content": chosen("a.bin")}).location.rpartition("/")[2],
        run("submit", "takes_bytes", f"content=@{tmp_path / 'a.bin'}").stdout.strip(),
    ]
    again = client.post(f"/tasks/takes_bytes?from={ids[0]}", data={"-reuse": "content"}).location
    run_worker()

    for job_id in [*ids, again.rpartition("/")[2]]:
        assert client.get(f"/api/v1/jobs/{job_id}/result").json == [repr(CONTENT), "None"]
    more = result_of("takes_bytes", content=chosen("a"), more=chosen("b", b"x"))
    assert more == [repr(CONTENT), repr(b"x")]


def test_bytes_in_json_are_refused_as_every_file_is(client):
    refused = client.post("/api/v1/tasks/takes_bytes/jobs", json={"content": "aGk="})

    [error] = refused.json["errors"]
    assert error == {"pointer": "/content", "detail": "This is a file. Send the request as multipart/form-data."}
