"""The list of jobs, without JavaScript: filters, pages, empty lists, one action on many jobs."""

from __future__ import annotations

import re
from html import unescape
from urllib.parse import parse_qs, urlsplit

import pytest

from taskdesk.web import bulk
from taskdesk.web.pages import jobs


@pytest.fixture
def page(client):
    """Return the list for a query as text; fail unless the status is 200."""

    def page(query="", status=200):
        answer = client.get(f"/jobs{query}")
        assert answer.status_code == status, answer.text
        return answer.text

    return page


def rows(text):
    return re.findall(r'name="id" value="([\w-]+)"', text.partition("<tbody>")[2])


def tabs(text):
    found = re.findall(r">(\w+)(?: <span class=\"tally\">([\d,]+)</span>)?</a>", text.partition("</nav>\n\n")[0])
    return {name.lower(): count for name, count in found}


def link(text, words):
    """Return the address of the link with this text."""
    return unescape(re.search(rf'href="([^"]*)"[^>]*>{words}<', text)[1])


def test_the_newest_jobs_come_first_with_their_input(page, submit):
    first, second = submit(), submit(arguments={"text": "<b>bold</b>"}, tag="night")

    text = page()

    assert rows(text) == [second, first]
    assert "<b>" not in text
    assert "&lt;b&gt;bold" in text
    assert 'href="/jobs?tag=night"' in text


def test_the_tabs_count_by_status_queue_and_other_filters_unless_there_are_many(page, submit, run_worker, monkeypatch):
    submit("raises", {})
    run_worker()
    submit(), submit(), submit("every_kind", {})

    everything, one_queue, one_task = (tabs(page(query)) for query in ("", "?queue=high", "?task=echo"))

    assert (everything["all"], everything["queued"], everything["failed"]) == ("4", "3", "1")
    assert (one_queue["all"], one_queue["queued"], one_queue["failed"]) == ("1", "1", "0")
    assert (one_task["all"], one_task["queued"], one_task["failed"]) == ("2", "2", "0")
    assert "Select all 2 jobs" in page("?task=echo&status=queued")
    monkeypatch.setattr(jobs, "MAX_COUNTED", 1)
    assert set(tabs(page("?task=echo")).values()) == {""}
    assert "Select all that match" in page("?task=echo")


def test_each_filter_is_a_chip_with_a_link_to_the_list_without_it(page, submit):
    wanted = submit(tag="night")
    submit()

    text = page("?status=queued&task=echo&tag=night&since=1h")

    assert rows(text) == [wanted]
    without = unescape(re.search(r'<a href="([^"]*)" aria-label="Remove the filter tag night">', text)[1])
    assert parse_qs(urlsplit(without).query) == {"status": ["queued"], "task": ["echo"], "since": ["1h"]}
    assert "in the last hour" in text


@pytest.mark.parametrize(
    ("sent", "words"),
    [
        ("status=failed&q=&task=&queue=&tag=&range=&since=&until=", "status=failed"),
        ("range=1d&since=2026-01-01T10:00&until=", "since=1d"),
        ("range=custom&since=2026-01-01T10:00&until=", "since=2026-01-01T10:00:00Z"),
        ("range=&since=2026-01-01T10:00&until=2026-01-02T10:00", ""),
        ("range=custom&until=2026-01-02T10:00:00.000Z&tag=+a+", "until=2026-01-02T10:00:00.000Z&tag=a"),
        ("q=echo&tag=a", "tag=a&task=echo"),
        ("q=12ab&status=failed", "status=failed&id=12ab"),
        ("q=12ab&_external=1&_scheme=evil", "id=12ab"),
    ],
)
def test_the_form_redirects_to_the_words_of_the_api(client, sent, words):
    location = urlsplit(client.get(f"/jobs?{sent}").location)

    assert (location.scheme, location.path, parse_qs(location.query)) == ("", "/jobs", parse_qs(words))


@pytest.mark.parametrize(
    ("since", "value"),
    [
        ("2026-01-01T10:00:30Z", "2026-01-01T10:00:30.000"),
        ("2026-01-01T10:00:00%2B05:00", "2026-01-01T05:00"),
        ("0001-01-01T00:00:00%2B05:00", ""),
        ("yesterday", ""),
    ],
)
def test_the_field_of_a_time_has_the_whole_time_in_utc(client, since, value):
    text = client.get(f"/jobs?since={since}").text

    assert re.search(r'name="since" value="([^"]*)"', text)[1] == value


def test_a_whole_id_in_the_search_box_leads_to_its_job(client, submit):
    job_id = submit()

    assert client.get(f"/jobs?q={job_id}").location == f"/jobs/{job_id}"


@pytest.mark.parametrize(
    ("text", "query"),
    [
        ("echo", "task=echo"),
        ("Takes_A", "task=takes_a_password,takes_anything"),
        ("a.tag", "tag=a.tag"),
        ("0f3c", "id=0f3c"),
        ("breast.csv", "id=breast.csv"),
    ],
)
def test_a_search_finds_tasks_by_a_part_of_their_names_tags_and_ids(client, submit, text, query):
    submit(tag="a.tag")

    address = urlsplit(client.get(f"/jobs?q={text}").location)

    assert parse_qs(address.query) == parse_qs(query)


def test_a_list_may_show_the_jobs_of_several_tasks(page, submit):
    ours = [submit(), submit("raises", {}), submit(), submit("every_kind", {})][:3]

    assert rows(page("?task=echo,raises")) == ours[::-1]
    assert rows(page("?task=echo,raises&limit=2")) == ours[:0:-1]


def test_a_search_that_finds_nothing_says_what_it_looked_for(page):
    assert "No job ID, task or tag matches “breast.csv”." in page("?id=breast.csv")


@pytest.mark.parametrize(
    ("query", "at", "sentence"),
    [
        ("status=done", "", "Must be one of: queued"),
        ("since=yesterday", "since", "Must be a date and time with a zone"),
        ("until=1w", "until", "Must be a date and time with a zone"),
        ("tag=" + "x" * 300, "tag", "Must be a text of 1 to 200 characters"),
        ("task=" + "x" * 300, "task", "Must be a text of 1 to 200 characters"),
        ("id=" + "x" * 300, "id", "Must be a text of 1 to 200 characters"),
        ("limit=0", "", "limit: Must be a whole number from 1 to 200"),
        ("cursor=5", "", "cursor: This is not a cursor"),
        ("stauts=failed", "", "stauts: There is no such filter"),
        ("status=failed&status=queued", "", "This parameter comes twice"),
        ("_external=1&_scheme=javascript", "", "_external: There is no such filter"),
    ],
)
def test_a_wrong_filter_is_named_beside_its_field(page, submit, query, at, sentence):
    submit()

    text = page(f"?{query}", status=422)

    assert sentence in (
        re.search(rf'id="(?:{at}-problem|by-{at}-hint)">(?:<span class="error">)?([^<]*)<', text)[1] if at else text
    )
    assert rows(text) == []
    assert "These filters are not valid." in text


def test_pages_lose_and_repeat_nothing(client, page, submit):
    ours = [submit() for _ in range(5)]
    found, text = [], page("?queue=default&limit=2")

    while True:
        found += rows(text)
        submit()
        if "Older" not in text:
            break
        text = client.get(link(text, "Older →")).text

    assert found == ours[::-1]
    assert link(text, "← Newest") == "/jobs?queue=default&limit=2"


@pytest.mark.parametrize(
    ("query", "sentence"),
    [
        ("", "No jobs yet."),
        ("?status=failed&since=1d", "No failures in the last day."),
        ("?status=queued", "No jobs are queued."),
        ("?status=running", "There are no running jobs."),
        ("?task=echo&status=failed", "No jobs match."),
    ],
)
def test_an_empty_list_says_what_to_do_next(page, query, sentence):
    text = page(query)

    assert sentence in text
    assert "<table" not in text


@pytest.mark.parametrize(
    ("query", "actions"),
    [
        ("", ["enqueue", "reschedule", "move", "cancel", "retry", "keep", "unkeep", "delete"]),
        ("?status=queued", ["reschedule", "move", "cancel", "delete"]),
        ("?status=failed", ["retry", "keep", "unkeep", "delete"]),
    ],
)
def test_the_list_offers_the_actions_of_its_status(page, submit, run_worker, query, actions):
    submit("raises", {})
    run_worker()
    submit()

    assert re.findall(r'name="action" value="(\w+)"', page(query)) == actions


@pytest.fixture
def answer(client):
    """Send the form of the question, perhaps changed; return the next page."""

    def answer(question, **changes):
        form = question.text.partition("<form")[2]
        fields = re.findall(r'type="hidden" name="(\w+)" value="([^"]*)"', form)
        data = {name: [value for other, value in fields if other == name] for name, _ in fields} | changes
        return client.post(unescape(re.search('action="([^"]*)"', form)[1]), data=data, follow_redirects=True)

    return answer


def test_ticked_jobs_are_deleted_when_the_question_was_answered(client, page, submit, answer):
    ours = [submit() for _ in range(3)]

    question = client.post("/jobs?status=queued", data={"action": "delete", "id": ours[:2]})
    asked = rows(page())
    done = answer(question)

    assert "<h1>Delete 2 jobs?</h1>" in question.text
    assert asked == ours[::-1]
    assert done.request.full_path.startswith("/jobs?status=queued&done=")
    assert "2 deleted." in done.text
    assert rows(done.text) == [ours[2]]


def test_all_that_match_are_retried_with_the_true_count_in_the_question(client, page, submit, run_worker, answer):
    for _ in range(3):
        submit("raises", {}, tag="night")
    submit("raises", {})
    run_worker()

    question = client.post("/jobs?status=failed&tag=night&since=1h", data={"action": "retry", "all": "1"})
    done = answer(question)

    assert "<h1>Retry 3 failed jobs tagged night submitted in the last hour (not retried yet)?</h1>" in question.text
    assert "3 retried as new jobs." in done.text
    assert len(rows(page("?status=queued"))) == 3


def test_when_the_number_has_changed_the_question_comes_again(client, page, submit, answer):
    submit(), submit()
    question = client.post("/jobs?status=queued", data={"action": "cancel", "all": "1"})
    client.post(f"/api/v1/jobs/{submit()}/cancel")
    client.post(f"/api/v1/jobs/{rows(page('?status=queued'))[0]}/cancel")

    again = answer(question)
    done = answer(again)

    assert (again.status_code, done.status_code) == (409, 200)
    assert "There is now 1 queued job. Nothing was changed. Confirm again." in again.text
    assert "1 canceled." in done.text


def test_when_no_job_is_left_there_is_nothing_to_confirm(client, submit, answer):
    job_id = submit()
    question = client.post("/jobs?status=queued", data={"action": "cancel", "all": "1"})
    client.post(f"/api/v1/jobs/{job_id}/cancel")

    again = answer(question)

    assert again.status_code == 409
    assert "These jobs no longer exist. Nothing was changed." in again.text
    assert "Cancel 0 jobs" not in again.text


def test_jobs_that_arrive_after_the_question_are_left_alone(client, page, submit, answer):
    submit()
    question = client.post("/jobs", data={"action": "cancel", "all": "1"})
    late = submit()

    answer(question)

    assert rows(page("?status=queued")) == [late]


def test_the_list_says_how_many_jobs_were_skipped(client, submit, answer):
    ours = [submit(), submit()]
    question = client.post("/jobs", data={"action": "delete", "id": ours})
    client.delete(f"/api/v1/jobs/{ours[0]}")

    assert "1 running or gone already" in answer(question).text


def test_nothing_ticked_does_nothing_and_says_so(client, submit):
    submit()

    done = client.post("/jobs", data={"action": "delete", "id": "a:b"}, follow_redirects=True)

    assert "No job was chosen." in done.text
    assert client.post("/jobs", data={"action": "explode", "all": "1"}).status_code == 422


def test_too_many_jobs_are_refused_with_a_sentence(client, submit, monkeypatch):
    monkeypatch.setattr(bulk, "MAX_BULK", 1)
    submit(), submit()

    answer = client.post("/jobs", data={"action": "delete", "all": "1"})

    assert answer.status_code == 422
    assert "More than 1 jobs match. Narrow the filter." in answer.text


def test_a_forged_notice_says_nothing(page):
    assert 'class="notice' not in page("?done=delete.pwned-3")
    assert 'class="notice' not in page("?done=explode.deleted-3")


def test_the_live_part_has_the_counts_the_changed_rows_and_the_number_of_new_jobs(client, page, submit, run_worker):
    moving = submit("raises", {})
    text = page("?queue=default")
    live = unescape(re.search('data-live="([^"]*)"', text)[1])
    run_worker()
    submit(), submit("every_kind", {})

    part = client.post(live, data={"shown": moving, "moving": f"{moving} a:b"}).text

    assert "Show 1 new job" in part
    assert f'data-refresh="state-{moving}"' in part
    assert "data-status data-final>failed</span>" in part
    assert tabs(part)["failed"] == "1"
    assert "new job" not in client.post(live, data={"moving": moving}).text  # of a later page


def test_the_desk_leads_to_the_lists(client, submit):
    for _ in range(12):
        submit(tag="night")

    text = client.get("/").text

    assert link(text, "and 2 more") == "/jobs?status=queued"
    assert link(text, "Succeeded") == "/jobs?status=succeeded"
    assert link(text, "night") == "/jobs?tag=night"


def test_the_tags_of_a_job_lead_to_the_list(client, submit):
    assert 'href="/jobs?tag=night"' in client.get(f"/jobs/{submit(tag='night')}").text


def test_filters_are_saved_under_a_name_in_a_cookie(client, page):
    assert "Save filters" not in page()
    answer = client.post("/jobs:filters?status=failed&tag=night", data={"name": " Nights "})

    assert (answer.status_code, answer.location) == (303, "/jobs?status=failed&tag=night")
    assert "HttpOnly" in answer.headers["Set-Cookie"]
    assert link(page(), "Nights") == "/jobs?status=failed&tag=night"
    client.post("/jobs:filters?queue=low", data={"forget": "Nights"})
    assert "Nights" not in page()


def test_a_cookie_that_is_full_refuses_more_filters_and_keeps_those_it_has(client, page):
    names = [str(number) for number in range(40)]
    answers = [client.post(f"/jobs:filters?tag={'x' * 100}", data={"name": name}) for name in names]

    assert [answer.status_code for answer in answers][::39] == [303, 422]
    assert "Remove one first" in answers[-1].text
    assert link(page(), "0") == f"/jobs?tag={'x' * 100}"


@pytest.mark.parametrize("cookie", ["", "a=b", "%ff=%ff", "x=tag%3Da%26evil%3D1", "=&=&", "x" * 4000])
def test_a_cookie_that_somebody_has_changed_saves_nothing_but_filters(client, page, cookie):
    client.set_cookie("taskdesk-filters", cookie)

    assert "evil" not in page()
