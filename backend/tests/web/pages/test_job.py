"""The page of a job, without JavaScript: its status, its result and its actions."""

from __future__ import annotations

import base64
import csv
import io
import json
import re
from datetime import UTC, datetime, timedelta
from html import escape, unescape

import pytest
from rq import Queue
from rq.serializers import JSONSerializer

from taskdesk.jobs.fields import RESUMED
from taskdesk.jobs.keys import log_key, results_key, run_times_key


@pytest.fixture
def submit(client):
    """Submit a job of a sample task; return the address of its page."""
    return lambda task, **arguments: client.post(f"/api/v1/tasks/{task}/jobs", json=arguments).location.removeprefix(
        "/api/v1"
    )


@pytest.fixture
def text_of(client):
    """Return the text of a page's main part."""

    def text_of(path):
        main = client.get(path).text.partition("<main")[2]
        return " ".join(re.sub(r"<[^>]*>", " ", main).split())

    return text_of


# While it waits


def test_a_queued_job_shows_its_position_and_that_no_worker_serves_its_queue(submit, text_of):
    first, second = submit("echo", text="a"), submit("echo", text="b")

    assert "Next in queue default" in text_of(first)
    assert "#2 in queue default 1 job ahead" in text_of(second)
    assert "No worker serves the queue default" in text_of(second)


def test_a_job_that_waits_for_another_does_not_wait_for_a_worker(text_of, redis):
    queue = Queue("default", connection=redis, serializer=JSONSerializer)
    first = queue.enqueue("tests.sample_tasks.echo", "a")
    job = queue.enqueue("tests.sample_tasks.echo", "b", depends_on=first)

    text = text_of(f"/jobs/{job.id}")

    assert "Waiting It waits for other jobs to end." in text
    assert "Waiting for a worker" not in text


def test_the_page_says_that_the_queue_is_paused(client, submit, text_of):
    client.patch("/api/v1/queues/default", json={"paused": True})

    assert "The queue default is paused" in text_of(submit("echo", text="a"))


@pytest.mark.parametrize(
    ("seconds", "words"), [(0.0004, "< 1 ms"), (0.012, "12 ms"), (8.24, "8.2 s"), (45.1, "45 s"), (180, "3 min")]
)
def test_the_page_says_how_long_the_task_usually_takes(submit, text_of, redis, seconds, words):
    redis.lpush(run_times_key("tests.sample_tasks.echo"), *(seconds,) * 9, 300)

    assert f"Typically {escape(words)} " in text_of(submit("echo", text="a")) + " "


def test_the_page_shows_each_attempt(submit, text_of, run_worker, tmp_path):
    path = submit("fails_once", path=str(tmp_path / "seen"))
    run_worker()
    waiting = text_of(path)

    assert "Retrying soon Next attempt 20" in waiting
    assert re.search(
        r"Attempt 1 of 2 .* Failed .* ValueError: the first time Attempt 2 of 2, scheduled for 20", waiting
    )


@pytest.mark.parametrize(
    ("place", "words"),
    [
        ("[412, 1000]", "resumed at 412 of 1,000,"),
        ("[3000, null]", "resumed at 3,000,"),
        ("[null, null]", "checkpoint,"),
    ],
)
def test_the_page_shows_where_an_attempt_went_on(client, submit, text_of, run_worker, redis, place, words):
    path = submit("echo", text="a")
    run_worker()
    redis.hset(f"rq:job:{path.rpartition('/')[2]}", RESUMED, place)

    assert words in text_of(path)
    shown = client.get(f"/api/v1{path}").json["resumed"]
    assert [shown["done"], shown["total"]] == json.loads(place)


# What can be done


def test_a_waiting_job_is_canceled_and_its_page_says_so(client, submit, text_of):
    path = submit("echo", text="a")

    sent = client.post(f"{path}/cancel")

    assert (sent.status_code, sent.location) == (303, f"{path}?done=cancel")
    assert "canceled before it started" in text_of(path)
    assert "had ended before" not in text_of(sent.location)


def test_a_job_runs_again_with_the_same_input(client, submit, text_of, run_worker):
    path = submit("echo", text="same words")
    run_worker()

    sent = client.post(f"{path}/retry")

    assert sent.status_code == 303
    assert not sent.location.startswith(path)
    assert "a new job with the same input" in text_of(sent.location)
    assert "same words" in text_of(sent.location)


def test_a_kept_job_does_not_expire_any_more(client, submit, text_of, run_worker):
    path = submit("echo", text="a")
    run_worker()
    assert "Expires 20" in text_of(path)

    sent = client.post(f"{path}/keep")

    assert "The job is kept. It never expires." in text_of(sent.location)
    assert "Expires never" in text_of(path)
    assert f'action="{path}/keep"' not in client.get(path).text


def test_the_page_says_that_the_job_was_deleted(client, submit, text_of):
    path = submit("echo", text="a")

    sent = client.post(f"{path}/delete")

    assert sent.status_code == 303
    assert "Job deleted" in text_of(sent.location)
    assert client.get(sent.location).status_code == client.get(path, headers={"Accept": "text/html"}).status_code == 404


def test_the_page_asks_before_an_action_that_can_not_be_undone(client, submit):
    path = submit("echo", text="a")

    plain, asking = client.get(path).text, client.get(f"{path}?confirm=cancel").text

    assert re.search(r'<dialog id="confirm-cancel"[^>]*open>', asking)
    assert not re.search(r'<dialog id="confirm-cancel"[^>]*open>', plain)
    assert 'http-equiv="refresh"' not in asking  # it would take the question away


@pytest.mark.parametrize("action", ["cancel", "retry", "keep", "delete"])
def test_no_page_of_another_site_and_no_link_does_anything(client, submit, action):
    path = submit("echo", text="a")

    foreign = client.post(f"{path}/{action}", headers={"Sec-Fetch-Site": "cross-site"})

    assert (foreign.status_code, client.get(f"{path}/{action}").status_code) == (403, 405)
    assert client.get(f"/api/v1{path}").json["status"] == "queued"


@pytest.mark.parametrize("action", ["retry", "keep"])
def test_an_action_that_is_not_allowed_is_refused_with_a_sentence(client, submit, action):
    answer = client.post(f"{submit('echo', text='a')}/{action}", headers={"Accept": "text/html"})

    assert answer.status_code == 409
    assert "has not ended: it is queued" in answer.text


def test_a_notice_is_shown_only_if_it_is_true(submit, text_of):
    path = submit("echo", text="a")

    for done in ("keep", "retry", "cancel", "delete", "<b>"):
        assert text_of(f"{path}?done={done}") == text_of(path)


# What came of it


def test_an_error_is_a_sentence_with_a_hint_and_its_traceback_with_our_frames_folded(
    client, submit, text_of, run_worker
):
    raised, timed_out = submit("raises"), submit("never_ends")
    run_worker()

    page = client.get(raised).text
    assert "ValueError The number &lt;seven&gt; is too small. Traceback" in text_of(raised)
    shown = page.partition("<details open><summary>Traceback<")[2]
    folded = re.search(r"<details><summary>\d+ frames of Taskdesk</summary><pre>(.*?)</pre>", shown, re.DOTALL)[1]
    assert "taskdesk/worker" in folded
    assert "bad.py" not in folded
    assert "bad.py" in shown
    assert "Time limit The job ran longer than its limit of 1 s. If it needs longer" in text_of(timed_out)


def test_the_head_of_a_job_has_its_duration_its_time_and_its_owner_in_one_row(
    client, submit, text_of, run_worker, redis
):
    path = submit("echo", text="a")
    run_worker()
    redis.hset(f"rq:job:{path.rpartition('/')[2]}", "td_owner", "ada")

    assert re.search(
        r"succeeded (\d+(\.\d)?|<|&lt;) \d* ?(ms|s) \S+ \S+ UTC by ada Retry", text_of(path).replace("\xa0", " ")
    )


def test_the_files_of_a_result_stand_before_its_other_parts_and_the_input_before_the_timeline(
    submit, text_of, run_worker
):
    path = submit("parts")
    run_worker()

    text = text_of(path)

    assert "Result Download model.txt 7 Bytes · File Download made.bin 3 Bytes · Path Accuracy 0.5" in text
    assert text.index("Input") < text.index("Timeline")


def test_the_timeline_of_a_scheduled_job_has_its_past_and_its_start(client, text_of):
    at = (datetime.now(UTC) + timedelta(days=1)).strftime("%Y-%m-%dT%H:%M:%SZ")
    job = client.post(f"/api/v1/tasks/echo/jobs?at={at}", json={"text": "a"}).json

    text = text_of(f"/jobs/{job['id']}")

    assert re.search(rf"Timeline Created .* UTC Scheduled for {at[:10]} {at[11:19]} UTC", text)
    assert "Started" not in text
    assert "Finishes" not in text


def test_the_timeline_of_a_waiting_job_shows_the_next_steps(submit, text_of):
    assert "Starts – Finishes –" in text_of(submit("echo", text="a"))


def test_the_timeline_shows_the_worker_the_wait_and_the_duration(submit, text_of, run_worker):
    path = submit("echo", text="a")
    run_worker()

    assert re.search(
        r"Created .* Started .* queued for [\d.]+ m?s, on worker \w{8} Succeeded .* took [\d.]+ m?s", text_of(path)
    )


def test_a_table_is_downloaded_as_csv_without_formulas(client, submit, run_worker, tmp_path):
    (tmp_path / "end").touch()
    path = submit("recites", folder=str(tmp_path))
    run_worker()

    [address] = re.findall(r'href="([^"]+result\.csv[^"]*)"', client.get(path).text)
    answer = client.get(address)
    rows = list(csv.reader(io.StringIO(answer.text.removeprefix("\ufeff"), newline="")))

    assert answer.headers["Content-Disposition"] == 'attachment; filename="table.csv"'
    assert answer.data.startswith(b"\xef\xbb\xbfname,value,formula\r\n")
    assert rows[3:6] == [["row 2", "0.5", "'=1+2"], ["row 3", "0.75", ""], ["row 4", "1.0", "'=1+4"]]


def test_text_and_json_can_be_downloaded_and_unknown_parts_can_not(client, submit, run_worker):
    path = submit("parts")
    run_worker()

    assert client.get(f"{path}/result.txt?part=text").text == "<b>bold</b>"
    assert json.loads(client.get(f"{path}/result.json?part=accuracy").text) == 0.5
    for missing in ("result.csv", "result.csv?part=text", "result.txt?part=file", "result.html?part=text"):
        assert client.get(f"{path}/{missing}").status_code == 404


def test_a_short_text_in_one_line_stands_in_no_box(client, submit, run_worker):
    short, long = submit("echo", text="<b>"), submit("echo", text="two\nlines")
    run_worker()

    assert re.search(r'<p class="line"><span dir="auto">&lt;b&gt;</span> <button [^>]*copy', client.get(short).text)
    assert '<pre class="text"' not in client.get(short).text
    assert '<pre class="text"' in client.get(long).text


def test_json_is_a_tree_that_can_be_folded(client, submit, run_worker, tmp_path):
    (tmp_path / "end").touch()
    path = submit("recites", folder=str(tmp_path))
    run_worker()

    page = client.get(path).text

    assert re.search(r'<summary><span class="key">deeper</span> <small>40 entries</small></summary>', page)
    assert ">JSON</h3>" in page


@pytest.mark.slow
def test_files_inside_a_value_can_be_downloaded(client, submit, run_worker):
    path = submit("files_inside")
    run_worker()

    result = client.get(f"/api/v1{path}/result").json
    [made] = result["out"]["a/b"]

    assert made["url"] == f"/api/v1{path}/artifacts/made.txt"
    with client.get(made["url"]) as downloaded:
        assert downloaded.text == "made"
    assert f'href="{made["url"]}" download>Download made.txt' in client.get(path).text
    assert "url" not in result["fake"]  # it only looks like a file


def test_the_files_of_a_refused_result_can_be_downloaded(client, submit, text_of, run_worker):
    path = submit("returns_nan_beside_a_file")
    run_worker()

    error = client.get(f"/api/v1{path}").json["error"]

    assert "The result at /score holds NaN" in error["detail"]
    assert [file["filename"] for file in error["files"]] == ["result.json", "model.txt"]
    assert re.search(r"Files of its result: Download result\.json \d+ Bytes Download model.txt 5 Bytes", text_of(path))
    with client.get(f"/api/v1{path}/artifacts/taskdesk-result.json") as kept:
        assert '"score": NaN' in kept.text
    with client.get(f"/api/v1{path}/artifacts/model.txt") as downloaded:
        assert downloaded.text == "model"


def test_a_list_of_objects_is_shown_as_a_table_and_stays_a_list_in_the_api(client, submit, run_worker):
    path = submit("files_inside")
    run_worker()

    page = client.get(path).text

    assert client.get(f"/api/v1{path}/result").json["records"][0] == {"name": "a", "value": 1}
    assert '<th scope="col">name</th><th scope="col" class="number">value</th><th scope="col">more</th>' in page
    assert client.get(f"{path}/result.csv?part=records").text == "\ufeffname,value,more\r\na,1,\r\nb,,\r\n"


def test_a_page_renders_the_beginning_of_a_long_markdown(client, submit, text_of, run_worker):
    path = submit("files_inside")
    run_worker()

    assert "The first 100,000 of 150,000 characters. The download has all." in text_of(path)
    assert len(client.get(f"{path}/result.txt?part=notes").text) == 150_000


def test_a_number_of_thousands_of_digits_that_another_program_stored_is_shown_as_text(
    client, submit, text_of, run_worker, redis
):
    path = submit("echo", text="a")
    run_worker()
    results = results_key(path.rpartition("/")[2])
    stored = base64.b64encode(b'{"a": [1, ' + b"9" * 5000 + b"]}")
    redis.xadd(results, {"return_value": stored, "type": 1})

    assert client.get(f"/api/v1{path}/result").json == {"a": [1, "9" * 5000]}
    assert client.get("/finished_tasks").json[0][1] == {"a": [1, "9" * 5000]}
    assert "99999" in text_of(path)


def test_a_job_shows_its_input_in_the_order_of_its_function_and_the_defaults_that_it_took(client, text_of, submit):
    path = submit("every_kind", size="large", color="red")

    shown = " ".join(text_of(path).split())
    names = [name for name, value in client.get(f"/api/v1{path}").json["defaults"].items() if value is not None]

    assert re.search(r"color red size large \w+ .* default", shown)
    assert "day" in names
    assert not {"size", "color"} & {*names}
    assert 'color="red", size="large"' in unescape(client.get("/jobs").text)


def test_a_form_from_a_job_has_the_defaults_that_the_job_took(client, submit, redis):
    job_id = submit("echo", text="a").removeprefix("/jobs/")
    redis.hset(f"rq:job:{job_id}", "td_defaults", '{"times": 3}')

    assert re.search(r'value="3" [^>]*id="times"', client.get(f"/tasks/echo?from={job_id}").text)


def test_a_job_of_the_version_before_has_no_defaults(client, text_of, submit, redis):
    path = submit("echo", text="a")
    redis.hdel(f"rq:job:{path.removeprefix('/jobs/')}", "td_defaults")

    assert "default 1" not in text_of(path)
    assert client.get(f"/api/v1{path}").json["defaults"] == {}


def test_a_scheduled_job_has_no_bar_and_its_log_is_closed(client):
    at = (datetime.now(UTC) + timedelta(hours=18, minutes=1)).strftime("%Y-%m-%dT%H:%M:%SZ")
    job = client.post(f"/api/v1/tasks/echo/jobs?at={at}", json={"text": "a"}).json

    page = client.get(f"/jobs/{job['id']}").text

    assert "<progress" not in page
    assert not re.search(r"data-log-panel\s+open", page)
    assert re.search(
        rf'Starts <time datetime="{at[:19]}[^>]*>.*<time datetime="{at[:19]}[^>]* data-relative', page, re.DOTALL
    )


def test_a_worker_is_named_on_its_job_and_found_on_the_page_of_the_workers(client, submit, run_worker):
    path = submit("echo", text="a")
    run_worker()

    name = client.get(f"/api/v1{path}").json["worker"]

    assert f'/workers#worker-{name}">{name[:8]}</a>' in client.get(path).text


def test_what_to_do_first_about_a_failed_job_is_to_edit_its_input(client, submit, run_worker):
    failed, succeeded = submit("raises"), submit("echo", text="a")
    run_worker()

    assert re.search(r'class="button ">Edit and rerun<', client.get(failed).text)
    assert re.search(r'class="button outline">Edit and rerun<', client.get(succeeded).text)


def test_the_end_of_a_long_log_begins_with_a_whole_line_and_its_beginning_is_there_too(client, submit, redis):
    path = submit("echo", text="a")
    lines = [f"line {number:06} of a log that is longer than a page" for number in range(4_000)]
    redis.set(log_key(path.removeprefix("/jobs/")), "\n".join(lines))

    page = client.get(path).text
    beginning, end = re.findall(r'<pre class="log"[^>]*>\n(.*?)</pre>', page, re.DOTALL)

    assert beginning.startswith("<span>line 000000 of")
    assert end.endswith(f"<span>{lines[-1]}</span>")
    number = int(re.match(r"<span>line (\d{6}) of", end)[1])
    assert f'data-line="{number + 1}"' in page  # numbers begin at 1
