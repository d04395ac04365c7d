"""A page offers only what the role of its user allows: no button of it leads to "Not allowed"."""

from __future__ import annotations

import re

import pytest

from tests.web.access.people import HTML, job_of

ACTIONS = {"retry", "keep", "delete"}


def forms_of(page):
    """Return where the forms of a page lead, but not those that any login may send."""
    return set(re.findall(r'<form[^>]*method="post"[^>]*action="([^"]+)"', page.text)) - {"/logout"}


@pytest.fixture
def ended(bearer, run_worker):
    job_id = job_of(bearer("ann"))
    run_worker()
    return job_id


@pytest.mark.parametrize(
    "path", ["/", "/jobs", "/tasks/echo", "/queues", "/failures", "/schedules", "/alerts", "/workers", "/jobs/{ended}"]
)
def test_a_viewer_gets_no_form(signed_in, ended, path):
    page = signed_in("vic").get(path.format(ended=ended), headers=HTML)

    assert page.status_code == 200
    assert forms_of(page) <= {"/jobs"}
    assert not re.search(r'name="(id|all|action|paused)"', page.text)
    assert "Edit and rerun" not in page.text


def test_a_viewer_reads_which_role_runs_a_task(signed_in):
    page = signed_in("vic").get("/tasks/echo", headers=HTML)

    assert "Running it needs the role <em>user</em>" in page.text
    assert "task.js" not in page.text  # it works on the form


def test_a_job_offers_its_actions_to_its_owner_and_to_operators(signed_in, ended):
    offered = {
        name: {action.rpartition("/")[2] for action in forms_of(signed_in(name).get(f"/jobs/{ended}", headers=HTML))}
        for name in ("ann", "bob", "ops")
    }

    assert offered["ann"] == offered["ops"]
    assert offered["ann"] >= ACTIONS
    assert not offered["bob"] & ACTIONS


def test_a_user_selects_only_jobs_that_this_user_may_change(signed_in, bearer):
    own, other = job_of(bearer("bob")), job_of(bearer("ann"))

    page = signed_in("bob").get("/jobs", headers=HTML).text

    assert re.findall(r'name="id" value="([^"]+)"', page) == [own]
    assert re.findall(r'data-id="([^"]+)"', page) == [other, own]


def test_only_operators_can_pause_a_queue_on_its_page(signed_in):
    offered = {name: 'name="paused"' in signed_in(name).get("/queues", headers=HTML).text for name in ("ann", "ops")}

    assert offered == {"ann": False, "ops": True}


def test_the_role_stands_beside_the_name(signed_in):
    assert "vic <small>viewer</small>" in signed_in("vic").get("/", headers=HTML).text


def test_a_page_without_a_login_has_no_navigation(client):
    page = client.get("/login", headers=HTML).text

    assert "data-go" not in page


def test_users_stands_in_the_navigation_of_operators_and_nowhere_without_logins(make_app, signed_in):
    def offers_users(client):
        return 'data-go="u"' in client.get("/", headers=HTML).text

    open_desk = make_app(auth=False).test_client()

    assert [offers_users(client) for client in (signed_in("ops"), signed_in("ann"), open_desk)] == [True, False, False]
    assert "AUTH=on" in open_desk.get("/users", headers=HTML).text


def test_the_owner_of_a_preset_and_operators_delete_it(signed_in, bearer):
    saved = bearer("ann").put("/api/v1/tasks/echo/presets/small", json={"input": {"text": "x"}})
    pages = {
        name: signed_in(name).get("/tasks/echo?-preset=small", headers=HTML).text for name in ("ann", "bob", "ops")
    }

    assert (saved.status_code, saved.json["owner"]) == (200, "ann")
    assert all(">small</a>" in page for page in pages.values())
    assert [name for name, page in pages.items() if "Delete the preset small" in page] == ["ann", "ops"]
    assert bearer("bob").delete("/api/v1/tasks/echo/presets/small").status_code == 403
    assert bearer("vic").get("/api/v1/tasks/echo/presets").status_code == 200
