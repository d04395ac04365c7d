"""The page of the alerts with channels and rules: accessible, narrow, and usable by keyboard and without JavaScript."""

from __future__ import annotations

import pytest

from tests.browser.test_every_page import OF_COLOR_OR_WIDTH, PHONE, WIDE
from tests.conftest import RedisServer, Stack, wait_until
from tests.web.alert_desk import FILE

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def desk(tmp_path_factory):
    """A web with alerts, and no worker: a rule fires."""
    folder = tmp_path_factory.mktemp("desk")
    (folder / "alerts.toml").write_text(FILE.replace("https://hooks.example.org", "http://127.0.0.1:1"))
    server = RedisServer(folder)
    server.start()
    stack = Stack(server.url, folder, ALERTS_FILE=str(folder / "alerts.toml"))
    stack.start("server")
    wait_until(stack.answers, seconds=60, what="the web answers")
    yield stack
    stack.stop()
    server.stop()


@pytest.mark.parametrize("javascript", [True, False])
def test_a_rule_is_made_silenced_and_deleted_and_a_channel_is_tested(browser, desk, javascript):
    context = browser.new_context(base_url=desk.url, java_script_enabled=javascript)
    page = context.new_page()
    page.goto("/alerts")
    page.get_by_text("Add a rule").click()
    page.get_by_role("textbox", name="Name", exact=True).fill("many")
    page.get_by_label("Notify when").select_option("failures")
    page.get_by_role("checkbox", name="ops").check()
    page.get_by_role("button", name="Save the rule").click()
    page.get_by_text("A rule of failures needs it.").first.wait_for()
    page.get_by_role("spinbutton", name="Failures", exact=True).fill("20")
    page.get_by_role("button", name="Save the rule").click()
    rule = page.get_by_role("listitem").filter(has=page.get_by_role("heading", name="many"))
    rule.get_by_text("20 failures in 15 min").wait_for()

    rule.get_by_label("Silence many").click()
    rule.get_by_label("Reason").fill("a deploy")
    rule.get_by_role("button", name="Send no messages").click()
    rule.get_by_text("a deploy").wait_for()
    rule.get_by_role("button", name="End the silence of many").click()
    rule.get_by_label("Delete many").click()
    rule.get_by_role("button", name="Yes, delete many").click()
    rule.wait_for(state="detached")

    page.get_by_role("button", name="Test ops").click()
    page.get_by_text("This is a test of the channel ops").first.wait_for()
    context.close()


def test_the_page_is_accessible_and_fits_on_a_phone(browser, desk, axe):
    page = browser.new_page(base_url=desk.url, reduced_motion="reduce")
    page.goto("/alerts")
    page.set_viewport_size(PHONE)
    page.evaluate("document.querySelectorAll('details').forEach(folded => folded.open = true)")

    assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
    axe(page)
    page.set_viewport_size(WIDE)
    page.emulate_media(color_scheme="dark")
    axe(page, OF_COLOR_OR_WIDTH)
    page.close()


def test_a_time_in_full_leaves_room_for_the_title_on_a_phone_without_javascript(browser, desk):
    page = browser.new_page(base_url=desk.url, java_script_enabled=False, viewport=PHONE)
    page.goto("/alerts")
    row = page.locator("[data-refresh=firing] li").first

    title, time = row.get_by_role("link").bounding_box(), row.locator(".when").bounding_box()

    assert title["width"] >= time["width"]
    page.close()
