"""Add a row to the table of actions, and print what each surface makes of it (see test_action_surfaces.py)."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from click.testing import CliRunner

from taskdesk.jobs.action import Action, Effect
from taskdesk.jobs.actions import ACTIONS
from taskdesk.jobs.status import Status


def hurry(action, desk, job_ids, **_keys):
    for job_id in job_ids:
        desk.redis.hset(f"rq:job:{job_id}", "td_tags", "hurried")
    return [action.outcome(job_id, "queued") for job_id in job_ids]


ACTIONS["hurry"] = Action(
    name="hurry",
    label="Hurry up",
    summary="Ask a job to hurry",
    consequences="They hurry.",
    effects={Status.QUEUED: Effect(word="hurried", many="hurried", answer="The job hurries")},
    run=hurry,
    skipped="could not hurry",
    notice=lambda job: "The job hurries.",
)

from taskdesk.cli import program  # noqa: E402  # it makes the commands of the table
from taskdesk.web.application import create_app  # noqa: E402
from taskdesk.web.settings import WebSettings  # noqa: E402


def main(redis_url: str, folder: str) -> None:
    client = create_app(WebSettings(redis_url=redis_url, data_dir=Path(folder))).test_client()
    job_id = client.post("/api/v1/tasks/echo/jobs", json={"text": "a"}).json["id"]
    description = client.get("/api/v1/openapi.json").json
    links = client.get(f"/api/v1/jobs/{job_id}").json["links"]
    answer = client.post(links["hurry"])
    bulk = {"action": "hurry", "filter": {"status": "queued"}, "expected_count": 1}
    env = {"REDIS_URL": redis_url, "DATA_DIR": folder}
    seen = {
        "page": 'id="do-hurry"' in client.get(f"/jobs/{job_id}").text,
        "list": "Hurry up …" in client.get("/jobs?status=queued").text,
        "links": links["hurry"].replace(job_id, "JOB"),
        "API": [answer.status_code, answer.json["tags"]],
        "bulk": client.post("/api/v1/jobs:bulk", json=bulk).json["outcomes"],
        "confirmation": "They hurry." in client.post("/jobs", data={"action": "hurry", "id": job_id}).text,
        "notice": "The job hurries." in client.post(f"/jobs/{job_id}/hurry", follow_redirects=True).text,
        "command": CliRunner().invoke(program, ["hurry", job_id], env=env).stdout.replace(job_id, "JOB"),
        "help": "Ask a job to hurry." in CliRunner().invoke(program, ["hurry", "--help"], env=env).stdout,
        "OpenAPI": description["paths"]["/api/v1/jobs/{job_id}/hurry"]["post"]["operationId"],
        "enum": "hurry" in description["components"]["schemas"]["Bulk"]["properties"]["action"]["enum"],
    }
    sys.stdout.write(json.dumps(seen))


if __name__ == "__main__":
    main(*sys.argv[1:])
