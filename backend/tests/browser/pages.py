"""All pages by name, and the jobs that they show. A page whose address has no parameter gets into PAGES by itself."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from flask import Flask
from playwright.sync_api import APIRequestContext

from taskdesk.web.pages import bp
from tests.conftest import wait_until


def _pages_without_parameters() -> dict[str, str]:
    app = Flask(__name__)
    app.register_blueprint(bp)
    rules = [rule for rule in app.url_map.iter_rules() if "GET" in (rule.methods or ()) and not rule.arguments]
    return {rule.rule.strip("/") or "desk": rule.rule for rule in rules if rule.endpoint != "pages.finished_tasks"}


PAGES = {
    **_pages_without_parameters(),
    "task": "/tasks/kinds_gallery",
    "upload": "/tasks/train_model",
    "running": "/jobs/{running}",
    "queued": "/jobs/{queued}",
    "scheduled": "/jobs/{scheduled}",
    "succeeded": "/jobs/{succeeded}",
    "table": "/jobs/{succeeded}/table?part=table&q=a",
    "failed": "/jobs/{failed}",
    "canceled": "/jobs/{canceled}",
    "failure": "/failures/{cause}",
    "confirm": "/jobs/{failed}?confirm=delete",
    "no-failures": "/failures?state=muted",
    "jobs": "/jobs?limit=10",
    "schedule-form": "/schedules/new?task=kinds_gallery",
    "schedule-edit": "/schedules/nightly/edit",
    "filters": "/jobs?tag=nobody&since=2026-01-01T00:00Z&until=yesterday",
    "nothing": "/nothing",
}


WEBHOOK = "http://127.0.0.1:9/hooks/of/a/receiver/that/is/never/there"


class Jobs:
    """Make a job of each status by the API. One worker and the queue `low` are blocked until `end`."""

    def __init__(self, request: APIRequestContext):
        self._request = request
        self.ids: dict[str, str] = {}
        self._cancel_all()
        table = {"name": "table.csv", "mimeType": "text/csv", "buffer": b"x,label\n1,a\n"}
        self._patch_low(paused=True)
        self._submit("running", "simple_task", "?queue=high", data={"task_arg": "runs", "seconds": 3600})
        self._submit("queued", "simple_task", "?queue=low", data={"task_arg": "waits"})
        tomorrow = (datetime.now(UTC) + timedelta(days=1)).strftime("%Y-%m-%dT%H:%M:%SZ")
        self._submit("scheduled", "simple_task", f"?at={tomorrow}", data={"task_arg": "later"})
        self._submit("canceled", "simple_task", "?queue=low", data={"task_arg": "not wanted"})
        request.post(f"/api/v1/jobs/{self.ids['canceled']}/cancel")
        self._submit(
            "failed", "train_model", f"?queue=high&webhook={WEBHOOK}", multipart={"data": table, "target": "label"}
        )
        self._submit("succeeded", "kinds_gallery", "", data={})
        self._add_schedules()
        for status, job_id in self.ids.items():  # the failing one first has to load its libraries
            wait_until(lambda job_id=job_id, status=status: self._status(job_id) == status, seconds=100)
        self.ids["cause"] = request.get(f"/api/v1/jobs/{self.ids['failed']}").json()["cause"]

    def _add_schedules(self) -> None:
        fields = {
            "task": "simple_task",
            "every": "15 6 * * 1-5",
            "zone": "Europe/Berlin",
            "arguments": {"task_arg": "a"},
        }
        for name in ("nightly", "paused"):
            self._request.post("/api/v1/schedules", data={**fields, "id": name})
        self._request.patch("/api/v1/schedules/paused", data={"paused": True, "reason": "holidays"})

    def path(self, page: str) -> str:
        return PAGES[page].format(**self.ids)

    def end(self) -> None:
        for job_id in self.ids.values():
            self._request.post(f"/api/v1/jobs/{job_id}/cancel")
        self._patch_low(paused=False)

    def _cancel_all(self) -> None:
        """Wait until no worker is busy with a job of an earlier test."""
        for status in ("queued", "running"):
            for job in self._request.get(f"/api/v1/jobs?status={status}&limit=200").json()["data"]:
                self._request.post(f"/api/v1/jobs/{job['id']}/cancel")

    def _submit(self, name: str, task: str, query: str, **body: Any) -> None:
        answer = self._request.post(f"/api/v1/tasks/{task}/jobs{query}", **body)
        assert answer.status == 202, answer.text()
        self.ids[name] = answer.json()["id"]

    def _status(self, job_id: str) -> str:
        return str(self._request.get(f"/api/v1/jobs/{job_id}").json()["status"])

    def _patch_low(self, *, paused: bool) -> None:
        assert self._request.patch("/api/v1/queues/low", data={"paused": paused}).ok
