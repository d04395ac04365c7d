"""A parameter that takes a list of files, by every way that a job is submitted."""

from __future__ import annotations

import io
import re
from pathlib import Path

import pytest
from rq import Queue
from rq.serializers import JSONSerializer

from taskdesk import Desk, errors
from taskdesk.jobs.arguments import MAX_FILES
from taskdesk.jobs.keys import job_key
from tests.code_samples import sample_on, words_of

JOBS = "/api/v1/tasks/takes_several_files/jobs"
PAGE = "/tasks/takes_several_files"
BOTH = [["input-tables-1.csv", "a.csv", "a"], ["input-tables-2.csv", "b.csv", "b"]]


def chosen(*names):
    """Files with these names; the content of each is its name without the suffix."""
    return [(io.BytesIO(Path(name).stem.encode()), name) for name in names]


@pytest.fixture
def sent(client):
    """Submit these files by the API; the answer."""
    return lambda *names, **more: client.post(JOBS, data={"tables": chosen(*names), **more})


@pytest.fixture
def errors_of():
    return lambda answer: {error["pointer"]: error["detail"] for error in answer.json["errors"]}


@pytest.fixture
def result_of(client, run_worker):
    """Run the workers; the result of the job that an answer leads to."""

    def result_of(answer):
        run_worker()
        return client.get(f"/api/v1/jobs/{answer.location.rpartition('/')[2]}/result").json

    return result_of


def on_disk(tmp_path, *names):
    paths = [tmp_path / name for name in names]
    for path in paths:
        path.write_text(path.stem)
    return paths


def test_the_files_arrive_in_their_order_by_api_page_and_command_line(client, run, sent, result_of, tmp_path):
    on_disk(tmp_path, "a.csv", "b.csv")
    nothing = (io.BytesIO(b""), "")  # what a browser sends for an input without a file

    page = client.post(PAGE, data={"tables": chosen("a.csv", "b.csv"), "any": [nothing], "one": nothing})
    line = run("submit", "takes_several_files", *[f"tables=@{tmp_path / name}" for name in ("a.csv", "b.csv")])

    for result in [result_of(sent("a.csv", "b.csv")), result_of(page)]:
        assert result == {"tables": BOTH, "any": None, "contents": [], "one": None}
    assert client.get(f"/api/v1/jobs/{line.stdout.strip()}/result").json["tables"] == BOTH


def test_every_list_of_a_task_has_its_files(sent, result_of):
    more = {"any": chosen("x.tar.gz", "Ä"), "contents": chosen("p", "q"), "one": chosen("only.txt")}

    result = result_of(sent("a.csv", "a.csv", "x.txt", **more))

    assert [name for _, name, _ in result["tables"]] == ["a.csv", "a.csv", "x.txt"]
    assert [stored for stored, _, _ in result["tables"]] == [f"input-tables-{n}.csv" for n in (1, 2, 3)]
    assert result["any"] == ["input-any-1.tar.gz", "input-any-2"]
    assert (result["contents"], result["one"]) == (["p", "q"], "only.txt")


@pytest.mark.parametrize(
    ("names", "pointer", "sentence"),
    [
        ([], "/tables", "Required."),
        (["a.csv"] * 4, "/tables", "Must have at most 3 files."),
        (["a.csv"] * (MAX_FILES + 1), "/tables", f"A job takes {MAX_FILES} files at most, and these are 101."),
        (["a.csv", ".csv"], None, None),
    ],
)
def test_too_few_or_too_many_files_are_an_error_of_their_parameter(client, sent, errors_of, names, pointer, sentence):
    answer, page = sent(*names), client.post(PAGE, data={"tables": chosen(*names)})

    if pointer:
        assert errors_of(answer)[pointer].startswith(sentence)
        assert (page.status_code, sentence in page.text) == (422, True)
    else:
        assert (answer.status_code, page.status_code) == (202, 303)


def test_an_empty_file_is_named(client, run, errors_of, tmp_path):
    files = [*chosen("a.csv"), (io.BytesIO(b""), "empty.csv")]
    sentence = "empty.csv is empty: choose one that has content."
    (tmp_path / "empty.csv").touch()
    on_disk(tmp_path, "a.csv")

    answer = client.post(JOBS, data={"tables": files})
    page = client.post(PAGE, data={"tables": [*chosen("a.csv"), (io.BytesIO(b""), "empty.csv")]})
    line = run("submit", "takes_several_files", *[f"tables=@{tmp_path / name}" for name in ("a.csv", "empty.csv")])

    assert errors_of(answer) == {"/tables/1": sentence}
    assert f"File 2: {sentence}" in page.text
    assert (line.exit_code, f"tables/1: {sentence}" in line.stderr) == (2, True)


def test_a_file_that_can_not_be_read_is_named_on_the_command_line(run, tmp_path):
    on_disk(tmp_path, "a.csv")

    line = run("submit", "takes_several_files", f"tables=@{tmp_path / 'a.csv'}", "tables=@/gone.csv", "tables=b.csv")

    assert line.exit_code == 2
    assert "tables: /gone.csv can't be read: No such file or directory." in line.stderr
    assert "tables: is a file: write tables=@path." in line.stderr


@pytest.mark.parametrize("given", [["a"], "a", {}, [{}], [[]], 0, [None]])
def test_json_has_no_files_but_may_say_that_there_are_none(client, run, errors_of, given):
    assert "/any" in errors_of(client.post(JOBS, json={"any": given}))
    assert "/tables" in errors_of(client.post(JOBS, json={"tables": given}))

    none = client.post(JOBS, json={"tables": [], "any": []})
    text = client.post(JOBS, data={"tables": "a.csv", "any": chosen("a")})

    assert errors_of(none) == {"/tables": "Must have at least 1 file."}
    assert errors_of(text) == {"/tables": "Must be a file: choose one."}
    assert client.post("/api/v1/tasks/takes_the_rest_as_files/jobs", json={"tables": []}).status_code == 202
    assert run("submit", "takes_the_rest_as_files", "tables:=[]").exit_code == 0


def test_an_optional_list_without_files_keeps_its_default_on_a_page_and_an_empty_list_stays_one(sent, result_of):
    assert result_of(sent("a.csv", **{"any:": "[]"}))["any"] == []
    assert result_of(sent("a.csv", **{"any:": "null"}))["any"] is None


def test_files_are_positional_arguments(client, result_of):
    answer = client.post("/api/v1/tasks/takes_the_rest_as_files/jobs", data={"tables": chosen("a.csv", "b.csv")})
    job_id = answer.json["id"]

    assert result_of(answer) == ["a", "b"]
    assert [file["filename"] for file in client.get(f"/api/v1/jobs/{job_id}").json["input"]["tables"]] == [
        "a.csv", "b.csv",
    ]  # fmt: skip
    assert result_of(client.post(f"/api/v1/jobs/{job_id}/retry")) == ["a", "b"]


def test_the_job_shows_each_file_offers_its_download_and_takes_all_along_to_a_retry(client, sent, result_of, redis):
    job = sent("a.csv", "b.csv", one=chosen("c.txt")).json
    job_id, files = job["id"], job["input"]["tables"]
    first = result_of(client.get(f"/api/v1/jobs/{job_id}") and sent("a.csv"))

    page = client.get(f"/jobs/{job_id}").text
    again = client.post(f"/api/v1/jobs/{job_id}/retry")

    assert first["tables"] == BOTH[:1]
    assert [file["filename"] for file in files] == ["a.csv", "b.csv"]
    assert job["summary"].startswith("tables=a.csv, b.csv, one=c.txt")
    for file in files:
        address = f"/api/v1/jobs/{job_id}/artifacts/{file['artifact']}"
        assert f'href="{address}">{file["filename"]}</a>' in page
        assert client.get(address, buffered=True).text == Path(file["filename"]).stem
    assert result_of(again) == {"tables": BOTH, "any": None, "contents": [], "one": "c.txt"}
    assert redis.hget(job_key(job_id), "td_uploads") == b"tables one"


def test_a_form_that_an_earlier_job_fills_reuses_those_of_its_files_that_stay_checked(client, sent, result_of):
    old = sent("a.csv", "b.csv", one=chosen("c.txt")).json["id"]
    form = client.get(f"{PAGE}?from={old}").text
    boxes = re.findall(r'name="-reuse" value="([^"]+)" checked', form)

    added = client.post(f"{PAGE}?from={old}", data={"-reuse": ["tables/1", "one"], "tables": chosen("new.csv")})
    gone = client.post(f"{PAGE}?from={old}", data={"-reuse": ["tables/1", "tables/7", "other/0"]})

    assert boxes == ["tables/0", "tables/1", "one"]
    assert re.findall(r"-F '?(tables=\S+|one=\S+)'?", sample_on(form, "curl")) == [
        "tables=@a.csv", "tables=@b.csv", "one=@c.txt",
    ]  # fmt: skip
    result = result_of(added)
    assert [name for _, name, _ in result["tables"]] == ["b.csv", "new.csv"]
    assert result["one"] == "c.txt"
    assert gone.status_code == 422
    assert "File 8: The file of the earlier job is no longer kept" in gone.text
    assert re.findall(r'name="-reuse" value="([^"]+)" checked', gone.text) == ["tables/1"]


def test_all_files_go_with_their_job(client, sent, tmp_path, run_worker):
    job_id = sent("a.csv", "b.csv").json["id"]
    run_worker()
    assert len(list(tmp_path.glob(f"artifacts/*/{job_id}/input-*"))) == 2

    client.delete(f"/api/v1/jobs/{job_id}")

    assert list(tmp_path.glob(f"artifacts/*/{job_id}/*")) == []


@pytest.mark.parametrize("damage", [(b'"size":1', b'"size":"x"'), (b"input-tables-2.csv", b"../../etc/passwd")])
def test_a_damaged_file_of_a_list_is_never_left_out_in_silence(client, sent, redis, run_worker, damage):
    job_id = sent("a.csv", "b.csv").json["id"]
    key = job_key(job_id)
    redis.hset(key, "data", redis.hget(key, "data").replace(*damage, 1))
    run_worker()

    job = client.get(f"/api/v1/jobs/{job_id}").json

    assert client.get(f"/jobs/{job_id}").status_code == 200
    assert job["status"] in ("failed", "waiting")
    assert client.post(f"/api/v1/jobs/{job_id}/retry").status_code in (404, 409, 422)


def test_a_request_with_the_same_key_is_the_same_only_with_the_same_files(client):
    def send(*names):
        return client.post(JOBS, data={"tables": chosen(*names)}, headers={"Idempotency-Key": "k"})

    first, same, other, fewer = send("a.csv", "b.csv"), send("a.csv", "b.csv"), send("b.csv", "a.csv"), send("a.csv")

    assert first.json["id"] == same.json["id"]
    assert (other.status_code, fewer.status_code) == (422, 422)


def test_the_form_has_an_input_of_several_files_with_its_limits(client):
    form = client.get(PAGE).text
    curl = words_of(sample_on(form, "curl"))

    [field] = re.findall(r'<input type="file" id="tables"[^>]*>', form)
    assert all(part in field for part in ('accept=".csv"', 'multiple=""', 'data-most="3"', "required"))
    assert "1 to 3 files." in form
    assert "tables=@tables.csv" in curl


def test_the_code_samples_send_each_file(client):
    texts = {"tables": ["a.csv", "b, c.csv"], "one": "x"}

    samples = client.post(f"{PAGE}/code_samples", data=texts).json

    assert [word for word in words_of(samples["curl"]) if "@" in word] == [
        "tables=@a.csv", 'tables=@"b, c.csv"', "one=@x",
    ]  # fmt: skip
    assert '        ("tables", open("b, c.csv", "rb")),' in samples["python"]
    compile(samples["python"], "page", "exec")


def test_the_api_reference_and_openapi_say_that_there_are_several(client):
    form = client.get("/api/v1/openapi.json").json["components"]["schemas"]["takes_several_files_form"]

    assert "list of file .csv, 1 to 3 files" in client.get("/docs").text
    assert form["properties"]["tables"]["items"]["minLength"] == 1
    assert (form["properties"]["tables"]["minItems"], form["properties"]["any"]["minItems"]) == (1, 1)


@pytest.fixture
def desk(redis_url, tmp_path, registry, monkeypatch):
    monkeypatch.setenv("DATA_DIR", str(tmp_path))
    return Desk.connect(redis_url)


def test_a_client_passes_a_list_of_paths_bytes_and_open_files(desk, client, result_of, run_worker, tmp_path):
    [path, other] = on_disk(tmp_path, "a.csv", "b.csv")

    with other.open("rb") as content:
        job = desk.submit("takes_several_files", tables=[path, content, b"x"], any=[], contents=(b"y",), one=path)
    run_worker()

    assert job.result["tables"] == [*BOTH, ["input-tables-3.csv", "", "x"]]
    assert (job.result["any"], job.result["contents"], job.result["one"]) == ([], ["y"], "a.csv")
    assert [file.filename for file in job.job.uploads["tables"]] == ["a.csv", "b.csv", ""]


@pytest.mark.parametrize(
    ("given", "pointer", "sentence"),
    [
        (Path("a.csv"), "/tables", "Must be a list of files: each a Path, bytes, or a file that is open"),
        ("a.csv", "/tables", "Must be a list of files"),
        ([b"x", "a.csv"], "/tables/1", "Must be a file: pass a Path"),
        ([b"x", Path("gone.csv")], "/tables/1", "gone.csv can't be read: No such file or directory."),
        ([b"x", b""], "/tables/1", "The file is empty: choose one that has content."),
        ([], "/tables", "Must have at least 1 file."),
        ([b"x"] * 4, "/tables", "Must have at most 3 files."),
        ([Path("gone.csv")] * 5000, "/tables", "A job takes 100 files at most, and these are 5,000."),
    ],
    ids=range(8),
)
def test_a_client_learns_which_file_is_wrong(desk, given, pointer, sentence):
    with pytest.raises(errors.InvalidArguments) as caught:
        desk.submit("takes_several_files", tables=given)

    [error] = caught.value.errors
    assert error.pointer == pointer
    assert error.detail.startswith(sentence)


def test_a_job_of_plain_rq_can_name_no_file_of_the_worker(client, redis, registry, run_worker, tmp_path):
    [path] = on_disk(tmp_path, "a.csv")
    queue = Queue("default", connection=redis, serializer=JSONSerializer)
    calls = [{"tables": [str(path)]}, {"tables": [{"artifact": str(path)}]}, {"tables": str(path)}, {"tables": 5}]
    jobs = [queue.enqueue("tests.parameter_tasks.takes_several_files", kwargs=call) for call in calls]
    none = queue.enqueue("tests.parameter_tasks.takes_the_rest_as_files")
    run_worker()

    assert client.get(f"/api/v1/jobs/{none.id}/result").json == []
    for job in jobs:
        assert "is no uploaded file." in client.get(f"/api/v1/jobs/{job.id}").text


def test_the_input_of_one_file_can_be_run_again_where_a_task_takes_several_by_now(client, redis, result_of):
    """Its task took one file when the job was submitted."""
    job_id = client.post("/api/v1/tasks/takes_files/jobs", data={"any": chosen("a.csv")}).json["id"]
    key = job_key(job_id)
    changed = redis.hget(key, "data").replace(b"takes_files", b"takes_several_files").replace(b'"any"', b'"tables"')
    redis.hset(key, mapping={"data": changed, "td_task": "takes_several_files", "td_uploads": "tables"})

    form = client.get(f"{PAGE}?from={job_id}")
    again = client.post(f"{PAGE}?from={job_id}", data={"-reuse": "tables/0"})

    assert 'value="tables/0" checked' in form.text
    assert result_of(again)["tables"] == BOTH[:1]
    assert client.get(f"/api/v1/jobs/{job_id}/result").json["tables"] == [["input-any.csv", "a.csv", "a"]]


def test_the_input_of_several_files_does_not_lose_one_where_a_task_takes_one_by_now(client, sent, redis, run_worker):
    job_id = sent("a.csv", "b.csv").json["id"]
    key = job_key(job_id)
    changed = redis.hget(key, "data").replace(b"takes_several_files", b"takes_files").replace(b'"tables"', b'"any"')
    redis.hset(key, mapping={"data": changed, "td_task": "takes_files", "td_uploads": "any"})
    run_worker()

    assert "This was given 2 times. Give it once." in client.get(f"/api/v1/jobs/{job_id}").text
    assert client.post(f"/api/v1/jobs/{job_id}/retry").status_code in (409, 422)
