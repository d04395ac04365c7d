"""Forwarded headers are trusted from as many proxies as the settings name."""

from __future__ import annotations

import logging

import pytest

from taskdesk.web.application import create_app

FORWARDED = {"X-Forwarded-Prefix": "/at/desk", "X-Forwarded-Proto": "https", "X-Forwarded-For": "192.0.2.1, 192.0.2.2"}


@pytest.fixture
def behind(web_settings, registry):
    return create_app(web_settings.model_copy(update={"trusted_proxies": 1})).test_client()


def test_a_submit_answers_with_an_address_under_the_prefix(behind):
    sent = behind.post("/api/v1/tasks/echo/jobs", json={"text": "a"}, headers=FORWARDED)

    assert sent.location == f"/at/desk/api/v1/jobs/{sent.json['id']}"


def test_a_form_leads_to_a_page_under_the_prefix(behind):
    sent = behind.post("/tasks/echo", data={"text": "a", "times": "1"}, headers=FORWARDED)

    assert sent.location.startswith("/at/desk/jobs/")


def test_the_client_is_the_one_that_the_last_proxy_names(behind, caplog):
    caplog.set_level(logging.INFO)

    behind.get("/healthz", headers=FORWARDED)

    assert [record.fields["client"] for record in caplog.records if record.msg == "request"] == ["192.0.2.2"]


def test_without_proxies_no_forwarded_header_is_trusted(client, caplog):
    caplog.set_level(logging.INFO)

    sent = client.post("/api/v1/tasks/echo/jobs", json={"text": "a"}, headers=FORWARDED)

    assert sent.location == f"/api/v1/jobs/{sent.json['id']}"
    assert {record.fields["client"] for record in caplog.records if record.msg == "request"} == {"127.0.0.1"}
