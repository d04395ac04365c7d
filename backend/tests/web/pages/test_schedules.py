"""The pages of the schedules, without JavaScript."""

from __future__ import annotations

import pytest

from taskdesk.jobs.keys import SCHEDULES, schedule_slots_key

DAILY = {"-every": "15 6 * * 1-5", "-zone": "Europe/Berlin", "text": "a", "times": "1"}


@pytest.fixture
def store(client):
    return client.application.extensions["desk"].schedules


@pytest.fixture
def daily(store):
    fields = {"every": "15 6 * * 1-5", "zone": "Europe/Berlin", "arguments": {"text": "a"}}
    return store.create({"task": "echo", **fields}, schedule_id="daily")


def test_a_schedule_is_created_by_a_form(client, store, page):
    assert "No schedules yet" in page("/schedules")
    assert '/schedules/new?task=echo"' in client.get("/schedules/new").text

    answer = client.post("/schedules/new?task=echo", data={**DAILY, "-id": "daily", "-tags": "a b", "-jitter": "5m"})

    assert (answer.status_code, answer.location) == (303, "/schedules#schedule-daily")
    made = store.get("daily").definition
    assert (made.arguments["text"], made.tags, made.jitter, made.queue) == ("a", ("a", "b"), 300, None)
    text = page("/schedules")
    assert "At 06:15 on Monday through Friday, Europe/Berlin" in text
    assert "Next in " in text


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        ({"-every": "61 * * * *"}, "a cron string of five fields"),
        ({"-every": ""}, "equired"),
        ({"-every": "x" * 10_000}, "at most 200 characters"),
        ({"-zone": "Mars"}, "the name of a time zone"),
        ({"times": "9"}, "at most 3"),
        ({"-jitter": "soon"}, "a number with s, m, h or d"),
        ({"-start": "2030-01-01T00:00", "-end": "2029-01-01T00:00"}, "after the start"),
        ({"-id": "a b"}, "letters, digits"),
    ],
)
def test_a_wrong_field_is_named_beside_it_and_nothing_is_saved(client, redis, wrong, sentence):
    answer = client.post("/schedules/new?task=echo", data={**DAILY, **wrong})

    assert answer.status_code == 422
    assert sentence in answer.text
    assert "Nothing has been saved" in answer.text
    assert 'value="a"' in answer.text
    assert not redis.exists(SCHEDULES)


def test_the_next_five_times_are_shown_before_it_is_saved_and_say_when_the_clock_changes(client, redis):
    fields = {**DAILY, "-every": "30 2 28 3 *", "-start": "2026-12-01T00:00", "-preview": "yes"}

    text = client.post("/schedules/new?task=echo", data=fields).text

    assert text.count("03-28 0") >= 5
    assert "02:30 does not exist on this day" in text
    assert not redis.exists(SCHEDULES)


def test_a_schedule_is_changed_by_a_form_that_has_what_it_says(client, store, daily):
    text = client.get("/schedules/daily/edit").text
    assert all(f'value="{value}"' in text for value in ("15 6 * * 1-5", "Europe/Berlin", "a"))

    answer = client.post("/schedules/daily/edit", data={**DAILY, "-every": "10m", "text": "b"})

    assert answer.status_code == 303
    assert (store.get("daily").definition.every, store.get("daily").definition.arguments["text"]) == ("10m", "b")


def test_a_pause_shows_its_reason_and_a_resume_ends_it(client, page, daily):
    client.post("/schedules/daily/pause", data={"reason": "the supplier is away"})

    assert "the supplier is away" in page("/schedules")
    assert "never while it is paused" in page("/schedules")
    assert client.post("/schedules/daily/pause", data={"reason": "a" * 300}).status_code == 422

    client.post("/schedules/daily/resume")
    assert "supplier" not in page("/schedules")


def test_run_now_leads_to_the_job_and_delete_removes_the_schedule(client, daily, store):
    job = client.post("/schedules/daily/run")
    assert (job.status_code, job.location.startswith("/jobs/")) == (303, True)

    assert client.post("/schedules/daily/delete").status_code == 303
    assert client.get("/schedules/daily/edit").status_code == 404
    assert client.post("/schedules/daily/delete").status_code == 404


def test_the_strip_says_what_ran_and_why_the_others_did_not(client, page, daily, redis):
    redis.rpush(schedule_slots_key("daily"), "1796062500", "1795976100 missed ", "1795889700 overlap job-1")

    text, markup = page("/schedules"), client.get("/schedules").text

    assert 'aria-label="1 ran, 2 skipped"' in markup or 'aria-label="2 skipped, 1 ran"' in markup
    assert "No worker and no web could reach Redis at that time." in text
    assert "Job job-1 of this schedule had not ended." in text
    assert "ran; the job is no longer kept" in text


def test_the_page_says_that_no_worker_is_online(page, daily, online):
    assert "No workers are online. Schedules come due all the same" in page("/schedules")


def test_a_schedule_whose_task_is_gone_says_so(client, store, daily, redis, page):
    key = "taskdesk:schedule:daily"
    redis.hset(key, "definition", redis.hget(key, "definition").replace(b"echo", b"gone"))

    assert "No worker announces the task gone." in page("/schedules")


def test_a_secret_is_not_in_the_form_and_stays_as_it_was(client, store, registry):
    fields = {"task": "takes_a_password", "every": "1d", "arguments": {"password": "hush"}}
    store.create(fields, schedule_id="secret")

    assert "hush" not in client.get("/schedules/secret/edit").text
    assert "hush" not in client.get("/schedules").text
    client.post("/schedules/secret/edit", data={"-every": "2d", "password": ""})

    changed = store.get("secret").definition
    assert (changed.every, changed.arguments) == ("2d", {"password": "hush"})


def test_many_schedules_have_pages(client, store):
    for n in range(55):
        store.create({"task": "echo", "every": "1d", "arguments": {"text": "a"}}, schedule_id=f"s{n}")

    first, second = client.get("/schedules").text, client.get("/schedules?page=2").text

    assert (first.count('class="panel schedule"'), second.count('class="panel schedule"')) == (50, 5)
    assert "page=2" in first
    assert client.get("/schedules?page=x").status_code == 200
