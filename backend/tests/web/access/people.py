"""The users of the desk in these tests, and their requests."""

from __future__ import annotations

import re

PASSWORD = "correct horse battery"
SECRET = "a-secret-of-more-than-32-bytes-for-tests"
USERS = {"vic": "viewer", "ann": "user", "bob": "user", "ops": "operator"}
OPEN = {"/healthz", "/readyz", "/login", "/set-password"}
HTML = {"Accept": "text/html"}
ECHO = "/api/v1/tasks/echo/jobs"


def form_token(page):
    return re.search(r'name="-csrf" value="([^"]+)"', page.text)[1]


def log_in(client, name="ann", password=PASSWORD, **more):
    token = form_token(client.get("/login", headers=HTML))
    return client.post("/login", data={"name": name, "password": password, "-csrf": token, **more}, headers=HTML)


def job_of(client):
    return client.post(ECHO, json={"text": "a"}).json["id"]


def requests_of(app):
    for rule in app.url_map.iter_rules():
        path = re.sub(r"<(?:\w+:)?\w+>", "echo", rule.rule)
        for method in sorted(rule.methods - {"OPTIONS"}):
            yield method, path, rule.endpoint
