"""The load that `make load` puts on a running Taskdesk.

Only Locust runs this file. Do not import it, because importing Locust patches the process.
"""

from __future__ import annotations

import time

from locust import HttpUser, task

POLL_SECONDS = 0.1


class TutorialUser(HttpUser):
    """The user of tutorial 000. Each request starts a job of 1 to 3 seconds, so the queue gets long."""

    @task
    def start_heavy_tasks(self) -> None:
        self.client.get("/flask/heavy")
        self.client.get("/flask/heavy")


class ApiUser(HttpUser):
    """Submits a short job, and polls it until it has ended."""

    @task
    def run_a_job(self) -> None:
        job = self.client.post("/api/v1/tasks/simple_task/jobs", json={"task_arg": "a", "seconds": 0}).json()
        while job["status"] in ("queued", "running"):
            time.sleep(POLL_SECONDS)
            job = self.client.get(job["links"]["self"], name="/api/v1/jobs/{id}").json()
