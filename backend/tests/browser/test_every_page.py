"""Every page is accessible, and fits on a phone, in light and dark."""

from __future__ import annotations

from collections import Counter

import pytest

from tests.browser.pages import PAGES, Jobs

WIDE, PHONE = {"width": 1280, "height": 800}, {"width": 320, "height": 640}
OF_COLOR_OR_WIDTH = ["color-contrast", "link-in-text-block", "target-size", "scrollable-region-focusable"]

QUICK = ("desk", "upload", "succeeded", "jobs")  # pages that `make test` checks
MORE_OF_A_KIND = "details:nth-of-type(n + 4)"  # axe would take a second for each


@pytest.fixture(scope="module")
def jobs(browser, stack):
    context = browser.new_context(base_url=stack.url)
    jobs = Jobs(context.request)
    yield jobs
    jobs.end()
    context.close()


@pytest.fixture(scope="module")
def still_page(browser, stack):
    """A page without animations, so that axe sees the final colors."""
    page = browser.new_page(base_url=stack.url, reduced_motion="reduce")
    yield page
    page.close()


@pytest.mark.parametrize(
    "name", [name if name in QUICK else pytest.param(name, marks=pytest.mark.slow) for name in PAGES]
)
def test_a_page_is_accessible_in_light_and_dark_wide_and_narrow(name, jobs, still_page, axe):
    still_page.goto(jobs.path(name))

    still_page.set_viewport_size(PHONE)
    still_page.evaluate("document.querySelectorAll('details').forEach(folded => folded.open = true)")
    assert still_page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
    still_page.evaluate(f"document.querySelectorAll('{MORE_OF_A_KIND}').forEach(folded => folded.open = false)")
    axe(still_page)
    still_page.set_viewport_size(WIDE)
    still_page.emulate_media(color_scheme="dark")
    axe(still_page, OF_COLOR_OR_WIDTH)
    still_page.emulate_media(color_scheme="light")


COLORS_OF_OUTLINED_BUTTONS = """
() => [...document.querySelectorAll("main .outline:not([aria-pressed=true])")].map(button => {
  const { color } = getComputedStyle(button);
  return `${button.classList.contains("danger") ? "danger" : "plain"} ${color}`;
})
"""


@pytest.mark.slow
def test_outlined_buttons_look_the_same_on_all_pages(jobs, still_page):
    colors = set()
    for name in ("jobs", "succeeded", "failed", "queues", "schedules", "failures", "failure"):
        still_page.goto(jobs.path(name))
        colors |= set(still_page.evaluate(COLORS_OF_OUTLINED_BUTTONS))

    assert sorted(colors) == ["danger rgb(159, 28, 28)", "plain rgb(21, 28, 38)"]


NOTE_SHIFTS = """
window.shifted = 0;
new PerformanceObserver(list => list.getEntries().forEach(entry => { window.shifted += entry.value; }))
  .observe({ type: "layout-shift", buffered: true });
"""


@pytest.fixture(scope="module")
def moving_page(browser, stack):
    """A page that notes how much its content moves."""
    page = browser.new_page(base_url=stack.url, reduced_motion="reduce", viewport=WIDE)
    page.add_init_script(NOTE_SHIFTS)
    yield page
    page.close()


@pytest.mark.slow
@pytest.mark.parametrize("name", PAGES)
def test_nothing_moves_while_the_scripts_of_a_page_start(name, jobs, moving_page):
    moving_page.goto(jobs.path(name))
    moving_page.evaluate("new Promise(resolve => requestAnimationFrame(() => setTimeout(resolve)))")

    assert moving_page.evaluate("shifted") <= 0.01


class Wire:
    """Count the requests of a page, and the bytes received for it by kind, including headers but no pictures."""

    def __init__(self, page):
        self._kinds = {}
        self.bytes = Counter()
        self.requests = []
        self.network = page.context.new_cdp_session(page)
        self.network.on("Network.requestWillBeSent", self._note)
        self.network.on(
            "Network.responseReceived", lambda event: self._kinds.update({event["requestId"]: event["type"]})
        )
        self.network.on("Network.loadingFinished", self._count)
        self.network.send("Network.enable")

    def _note(self, event):
        if not event["request"]["url"].startswith("data:"):
            self.requests.append(event["request"]["url"])

    def _count(self, event):
        kind = self._kinds.get(event["requestId"])
        if kind not in ("Image", "EventSource"):
            self.bytes[kind] += event["encodedDataLength"]

    def clear(self):
        self.bytes.clear()
        self.requests.clear()


@pytest.fixture(scope="module")
def wire(still_page):
    return Wire(still_page)


MOST_BYTES = {"docs": 60_000}  # it grows with each route of the API


@pytest.mark.parametrize("name", PAGES)
def test_a_first_visit_takes_12_requests_and_45_kilobytes_at_most(name, jobs, still_page, wire):
    wire.network.send("Network.setCacheDisabled", {"cacheDisabled": True})
    wire.clear()
    still_page.goto(jobs.path(name))

    print(name, len(wire.requests), dict(wire.bytes), wire.bytes.total())
    assert {"Document", "Stylesheet", "Script"} <= set(wire.bytes)
    assert len(wire.requests) <= 12, wire.requests
    assert wire.bytes.total() <= MOST_BYTES.get(name, 45_000)


def test_the_next_visit_loads_nothing_but_the_page(still_page, wire):
    wire.network.send("Network.setCacheDisabled", {"cacheDisabled": False})
    still_page.goto("/")
    wire.clear()
    still_page.goto("/")

    assert {kind for kind, size in wire.bytes.items() if size} == {"Document"}
