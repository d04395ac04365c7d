"""Measure the first contentful paint of pages in a browser with an empty cache."""

from __future__ import annotations

import shutil
from statistics import median

from playwright.sync_api import CDPSession, Page, sync_playwright

LOADS = 5  # of each page; the median counts
_PROGRAMS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
_OPTIONS = (
    "--no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking "
    "--disable-component-update --disable-sync"
)
_PAINT = """new Promise((done) =>
  new PerformanceObserver((list) => {
    for (const entry of list.getEntriesByName("first-contentful-paint")) done(entry.startTime);
  }).observe({ type: "paint", buffered: true }))"""


def first_paints(address: str, paths: list[str]) -> dict[str, float]:
    """Return the seconds from the request of a page to its first paint, by path; empty if no Chromium is installed."""
    program = next(filter(None, map(shutil.which, _PROGRAMS)), None)
    if not program:
        return {}
    with sync_playwright() as playwright:
        page = playwright.chromium.launch(executable_path=program, args=_OPTIONS.split()).new_page()
        network = page.context.new_cdp_session(page)
        page.goto(address + paths[0])  # warms up the browser
        return {path: median(_first_paint(page, network, address + path) for _ in range(LOADS)) for path in paths}


def _first_paint(page: Page, network: CDPSession, url: str) -> float:
    network.send("Network.clearBrowserCache")
    page.goto(url)
    return float(page.evaluate(_PAINT)) / 1000
