"""Without a login nothing is shown or done."""

from __future__ import annotations

import re

from tests.web.access.people import HTML, OPEN, log_in, requests_of


def test_without_credentials_no_route_shows_or_does_anything(app, client, redis):
    before = redis.dbsize()
    for headers in ({}, HTML, {"Authorization": "Bearer td_wrong"}, {"Authorization": "Basic YWRtaW46YWRtaW4="}):
        for method, path, endpoint in requests_of(app):
            if path in OPEN or endpoint.startswith("static"):
                continue
            answer = client.open(path, method=method, headers=headers)
            told = (answer.status_code, answer.headers.get("WWW-Authenticate"), answer.headers.get("Location", ""))
            assert told[:2] == (401, "Bearer") or (told[0] == 302 and told[2].startswith("/login")), (method, path)

    assert redis.dbsize() == before


def test_the_crawl_has_seen_the_routes(app):
    assert len(list(requests_of(app))) > 60


def test_an_unknown_address_shows_nothing(client):
    assert client.get("/nothing").status_code == client.get("/api/v1/nothing").status_code == 401


def test_health_and_static_files_need_no_login(client, app):
    with app.test_request_context():
        style = app.url_for("static", filename="app.css")

    assert [client.get(path).status_code for path in ("/healthz", "/readyz", style)] == [200] * 3


def test_the_metrics_need_a_token_of_any_role(client, bearer):
    assert client.get("/metrics", headers={"Accept": "text/plain,*/*"}).status_code == 401
    assert bearer("vic").get("/metrics").status_code == 200


def test_a_page_leads_to_the_login_and_from_there_back(client):
    sent = client.get("/jobs?status=failed", headers=HTML)
    page = client.get(sent.location, headers=HTML)
    back = log_in(client, next=re.search(r'name="next" value="([^"]+)"', page.text)[1])

    assert sent.location == "/login?next=/jobs?status%3Dfailed"
    assert back.location == "/jobs?status=failed"
    assert client.get(back.location, headers=HTML).status_code == 200


def test_a_script_of_a_page_gets_an_error_and_no_login_page(client):
    assert client.get("/jobs", headers={**HTML, "Sec-Fetch-Mode": "cors"}).status_code == 401


def test_the_login_works_under_a_prefix(client):
    sent = client.get("/jobs", headers=HTML, base_url="http://localhost/desk")

    assert sent.location == "/desk/login?next=/desk/jobs"
