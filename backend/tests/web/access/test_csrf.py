"""A form from another site is refused."""

from __future__ import annotations

import re

import pytest

from taskdesk.web.assets import FOLDER
from tests.web.access.people import ECHO, HTML, PASSWORD, form_token, log_in


@pytest.mark.parametrize("data", [{}, {"-csrf": "wrong"}])
def test_a_form_without_the_token_of_its_session_is_refused(signed_in, data):
    ann = signed_in("ann")

    answer = ann.post("/tasks/echo", data={"text": "a", **data}, headers=HTML)

    assert answer.status_code == 403
    assert "from an earlier session" in answer.text


def test_a_login_form_from_another_site_is_refused(client):
    client.get("/login", headers=HTML)

    assert client.post("/login", data={"name": "ann", "password": PASSWORD}, headers=HTML).status_code == 403


def test_a_browser_without_cookies_is_told_why_it_is_refused(app):
    client = app.test_client(use_cookies=False)

    assert "in production they need HTTPS." in log_in(client).text


def test_the_token_of_another_session_is_refused(signed_in):
    token = form_token(signed_in("bob").get("/", headers=HTML))

    assert signed_in("ann").post("/tasks/echo", data={"text": "a", "-csrf": token}, headers=HTML).status_code == 403


def test_the_api_takes_a_session_with_the_token_in_a_header(signed_in):
    ann = signed_in("ann")
    token = form_token(ann.get("/", headers=HTML))

    refused = ann.post(ECHO, json={"text": "a"})
    taken = ann.post(ECHO, json={"text": "a"}, headers={"X-CSRFToken": token})

    assert (refused.status_code, refused.json["title"], taken.status_code) == (403, "Stale form", 202)


def test_every_form_that_is_sent_by_post_has_the_token():
    forms = {
        path.name: re.findall(
            r'<form(?:[^>{]|{{.*?}}|{%.*?%})*method="post"(?:[^>{]|{{.*?}}|{%.*?%})*>(\s*.{0,20})', text
        )
        for path in (FOLDER.parent / "templates").rglob("*.html")
        if (text := path.read_text())
    }

    assert sum(map(len, forms.values())) >= 9
    assert [name for name, heads in forms.items() for head in heads if "csrf_field()" not in head] == []
