"""rq-dashboard in a real browser, under its strict policy: its pages work, and no text of a job becomes code."""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import quote

import pytest
from playwright.sync_api import Browser, Page, expect
from rq import Queue, Worker
from rq.job import Job
from rq.results import Result
from rq.serializers import JSONSerializer

from taskdesk.jobs.job import Retention
from taskdesk.jobs.jobs import Jobs
from tests.browser.conftest import open_page

# It would break out of HTML, an attribute and a string of a script. No slash, because a queue's name is in addresses.
PAYLOAD = """<img src=x onerror="document.title='owned'">"'><u>u');document.title='owned';('"""


@pytest.fixture
def page(browser: Browser, dashboard) -> Iterator[Page]:
    """A page. A violation of the policy fails the test: the text was not escaped."""
    yield from open_page(browser, dashboard.url)


@pytest.fixture
def hostile(redis) -> None:
    """A queue whose jobs and worker have the payload in every text."""
    queue = Queue(PAYLOAD, connection=redis, serializer=JSONSerializer)

    def enqueue(job_id: str) -> Job:
        arguments = {"args": [PAYLOAD], "description": PAYLOAD, "meta": {PAYLOAD: PAYLOAD}}
        return queue.enqueue(f"{PAYLOAD}.task", job_id=job_id, **arguments)

    Result.create(enqueue("done"), Result.Type.SUCCESSFUL, 100, return_value={PAYLOAD: [PAYLOAD]})
    queue.finished_job_registry.add(queue.fetch_job("done"), 100)
    Result.create_failure(enqueue("failed"), 100, PAYLOAD)
    queue.failed_job_registry.add(queue.fetch_job("failed"), 100)
    enqueue("waits")
    worker = Worker([queue], connection=redis)
    worker.name = PAYLOAD
    worker.register_birth()
    redis.hset(worker.key, "current_job", "waits")


@pytest.mark.slow
def test_no_page_has_to_be_scrolled_sideways_on_a_phone(page, redis):
    queue = Queue("default", connection=redis, serializer=JSONSerializer)
    job = queue.enqueue("a_module_of_a_long_name." * 5 + "task", args=["x" * 200], job_id="failed")
    Result.create_failure(job, 100, "Traceback " + "x" * 300)
    queue.failed_job_registry.add(job, 100)
    Worker([queue], connection=redis).register_birth()
    page.set_viewport_size({"width": 390, "height": 800})

    for path in ("/0/view/queues", "/0/view/workers", "/0/view/jobs/default/queued/8/asc/1", "/0/view/job/failed"):
        page.goto(path)
        expect(page.locator("[data-role=queue], [data-role=worker], [data-role=job], .exc_info").first).to_be_visible()
        assert page.evaluate("document.documentElement.scrollWidth") == 390, path


@pytest.mark.slow
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_pages_are_accessible_in_light_and_dark(page, redis, axe, scheme):
    queue = Queue("default", connection=redis, serializer=JSONSerializer)
    queue.enqueue("a.task", job_id="waits")
    Result.create_failure(queue.enqueue("a.task", job_id="failed"), 100, "Traceback")
    queue.failed_job_registry.add(queue.fetch_job("failed"), 100)
    Worker([queue], connection=redis).register_birth()
    page.emulate_media(color_scheme=scheme)

    for path in ("/", "/0/view/workers", "/0/view/jobs", "/0/view/jobs/default/failed/8/asc/1", "/0/view/job/failed"):
        page.goto(path)
        expect(page.locator("[data-role=queue], [data-role=worker], [data-role=job], .exc_info").first).to_be_visible()
        axe(page)


def test_the_theme_is_that_of_the_system_or_the_choice_on_the_desk(page):
    dark, light = "rgb(15, 20, 26)", "rgb(246, 247, 249)"
    for scheme, chosen, color in (
        ("dark", "", dark),
        ("light", "", light),
        ("light", "dark", dark),
        ("dark", "light", light),
    ):
        page.emulate_media(color_scheme=scheme)
        page.goto("/")
        page.evaluate("theme => localStorage.setItem('theme', theme)", chosen)
        page.reload()

        assert page.evaluate("getComputedStyle(document.body).backgroundColor") == color


@pytest.mark.parametrize("width", [1024, 1440])
def test_the_heads_of_the_queues_break_between_words_only(page, redis, width):
    Queue("a_queue_of_a_long_name", connection=redis, serializer=JSONSerializer).enqueue("a.task")
    page.set_viewport_size({"width": width, "height": 800})
    page.goto("/0/view/queues")
    expect(page.locator("[data-role=queue]").first).to_be_visible()

    lines_of_words = page.evaluate(
        """() => [...document.querySelectorAll(".section th")].flatMap((head) => {
          const text = document.createTreeWalker(head, NodeFilter.SHOW_TEXT).nextNode();
          return [...(text?.data ?? "").matchAll(/\\S+/g)].map(({ 0: word, index }) => {
            const range = new Range();
            range.setStart(text, index);
            range.setEnd(text, index + word.length);
            return range.getClientRects().length;
          });
        })"""
    )
    assert len(lines_of_words) > 5
    assert set(lines_of_words) == {1}


def test_no_text_of_a_job_a_queue_or_a_worker_becomes_part_of_a_page(page, hostile):
    lists = [f"/0/view/jobs/{quote(PAYLOAD)}/{registry}/8/asc/1" for registry in ("queued", "finished", "failed")]
    jobs = [f"/0/view/job/{job_id}" for job_id in ("waits", "done", "failed")]
    for path in ("/", "/0/view/workers", *lists, *jobs):
        page.goto(path)

        shown = page.locator("[data-role=queue], [data-role=worker], [data-role=job], #job-data").first
        expect(shown).to_contain_text(PAYLOAD)
        if path.endswith("failed"):
            expect(shown.locator(".exc_info")).to_have_text(PAYLOAD)
        assert page.locator("img, u").count() == 0
        expect(page).to_have_title("RQ dashboard")


@pytest.fixture
def job_id(redis, registry) -> str:
    return Jobs(redis, ["default"]).submit(registry.catalog.tasks["raises"], {}, Retention(100, 100)).id


def test_the_buttons_work_and_a_refusal_is_shown(page, redis, job_id, run_worker):
    run_worker()
    page.goto(f"/0/view/job/{job_id}")
    with page.expect_response("**/requeue"):
        page.get_by_role("button", name="Requeue").click()
    assert redis.lrange("rq:queue:default", 0, -1) == [job_id.encode()]

    redis.hset(f"rq:job:{job_id}", "status", "started")
    page.get_by_role("button", name="Delete").click()
    page.get_by_role("button", name="Yes").click()
    expect(page.get_by_role("alert")).to_contain_text("Cancel it first.")
    expect(page.get_by_role("link", name="Open it")).to_have_attribute(
        "href", f"http://127.0.0.1:8123/desk/jobs/{job_id}"
    )

    redis.hset(f"rq:job:{job_id}", "status", "queued")
    page.goto("/0/view/jobs/default/queued/8/asc/1")
    page.context.clear_cookies()
    page.get_by_role("link", name="Delete").click()
    page.get_by_role("button", name="Yes").click()
    expect(page.get_by_role("alert")).to_contain_text("Reload it")

    page.reload()
    page.get_by_role("link", name="Delete").click()
    page.get_by_role("button", name="Yes").click()
    expect(page.get_by_text("No jobs.")).to_be_visible()
    assert redis.exists(f"rq:job:{job_id}") == 0


def test_a_page_of_another_site_changes_nothing(page, dashboard, redis, job_id):
    page.goto("/")  # gives the browser the cookie
    page.goto(
        f"data:text/html,<form method=post action='{dashboard.url}/job/{job_id}/delete'><button>Win</button></form>"
    )

    with page.expect_response("**/delete") as answer:
        page.get_by_role("button", name="Win").click()

    assert answer.value.status == 403
    assert redis.exists(f"rq:job:{job_id}") == 1
