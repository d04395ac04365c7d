"""Request ids from request to task log; metrics of the worker; Sentry; Prometheus and Grafana."""

from __future__ import annotations

import gzip
import json
import re
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
import yaml
from rq import Queue
from rq.serializers import JSONSerializer

from taskdesk.jobs.alerts.file import parse_alerts_file
from taskdesk.jobs.jobs import Jobs
from taskdesk.version import VERSION
from tests.conftest import BACKEND, Stack, free_port, wait_until
from tests.web.alert_desk import FILE
from tests.web.metrics.test_metrics import RETENTION, Figures, documented, shown

REQUEST_ID = "of-one-request"


# One id from the request to the task's own lines


@pytest.mark.parametrize("more", [{}, {"X-Anything": "leaves the fast path"}])
def test_a_job_names_the_request_that_submitted_it(client, registry, more):
    headers = {"X-Request-ID": REQUEST_ID, **more}
    job = client.post("/api/v1/tasks/echo/jobs", json={"text": "a"}, headers=headers).json

    assert job["request_id"] == REQUEST_ID
    assert client.get(job["links"]["self"]).json["request_id"] == REQUEST_ID


def test_a_retry_and_the_jobs_of_a_batch_name_their_requests(client, registry, run_worker):
    headers = {"X-Request-ID": REQUEST_ID}
    [job_id] = client.post("/api/v1/tasks/raises/jobs:batch", json={"inputs": [{}]}, headers=headers).json["ids"]
    run_worker()
    retry = client.post(f"/api/v1/jobs/{job_id}/retry", headers={"X-Request-ID": "of-the-retry"}).json

    assert client.get(f"/api/v1/jobs/{job_id}").json["request_id"] == REQUEST_ID
    assert retry["request_id"] == "of-the-retry"


@pytest.fixture
def worker(redis_url, tmp_path):
    stack = Stack(redis_url, tmp_path, TASKS="tests.sample_tasks", WORKERS="1", STOP_GRACE="1")
    yield stack
    stack.stop()


def _lines(stack: Stack, job_id: str) -> list[dict[str, str]]:
    lines = [json.loads(line) for line in stack.log("worker").splitlines() if line.startswith("{")]
    return [line for line in lines if line.get("job_id") == job_id]


def _start_in_prod(stack: Stack, folder: Path) -> None:
    """Start a worker with the log of prod, and without the checks of prod."""
    program = (
        "from taskdesk.service import startup; log = startup.configure_logs; "
        "startup.configure_logs = lambda env: log('prod'); from taskdesk.worker.main import main; main()"
    )
    with (folder / "worker.log").open("ab") as log:
        stack.processes["worker"] = subprocess.Popen(
            [sys.executable, "-c", program], cwd=BACKEND, env=stack.environment, stdout=log, stderr=log
        )


def test_log_lines_of_worker_and_task_name_the_job_and_its_request(client, worker, tmp_path):
    headers = {"X-Request-ID": REQUEST_ID}
    said, failed, lost = (
        client.post(f"/api/v1/tasks/{task}/jobs", json={}, headers=headers).json["id"]
        for task in ("talk", "raises", "kills_itself")
    )
    _start_in_prod(worker, tmp_path)

    library, own = wait_until(lambda: _lines(worker, said))
    assert (library["event"], library["logger"], own["event"]) == ("logged line", "library", "own line")
    assert library["request_id"] == own["request_id"] == REQUEST_ID
    [line] = wait_until(lambda: _lines(worker, failed))
    assert line["request_id"] == REQUEST_ID
    [line] = wait_until(lambda: _lines(worker, lost))
    assert (line["level"], line["request_id"]) == ("warning", REQUEST_ID)
    idle = [json.loads(line) for line in worker.log("worker").splitlines() if "tasks on queues" in line]
    assert "job_id" not in idle[0]


# /metrics of the worker


@pytest.fixture
def scrape_worker(redis_url, tmp_path, registry):
    """Start a worker with two processes, and return a function that scrapes it."""
    port = free_port()
    stack = Stack(
        *(redis_url, tmp_path),
        TASKS="tests.sample_tasks",
        WORKERS="2",
        STOP_GRACE="1",
        WORKER_METRICS=f"127.0.0.1:{port}",
    )
    stack.url = f"http://127.0.0.1:{port}"
    stack.start("worker")
    wait_until(lambda: stack.answers("/metrics"))

    def scrape() -> Figures:
        with urllib.request.urlopen(f"{stack.url}/metrics", timeout=60) as answer:
            return Figures(answer.read().decode())

    yield scrape
    stack.stop()
    assert not stack.answers("/metrics")


def test_the_metrics_of_a_worker_cover_its_processes(scrape_worker, client, tmp_path):
    mark = tmp_path / "mark"
    client.post("/api/v1/tasks/wait_for/jobs", json={"path": str(mark)})
    wait_until(lambda: scrape_worker()["taskdesk_worker_running_jobs",] == 1)
    for task in ("echo", "echo", "raises", "kills_itself"):
        client.post(f"/api/v1/tasks/{task}/jobs", json={"text": "a"} if task == "echo" else {})
    mark.touch()
    wait_until(lambda: scrape_worker()["taskdesk_worker_jobs_total", "succeeded", "wait_for"] == 1)
    figures = wait_until(lambda: (now := scrape_worker())["taskdesk_worker_children_total", "lost"] == 1 and now)

    assert figures["taskdesk_worker_jobs_total", "succeeded", "echo"] == 2
    assert figures["taskdesk_worker_jobs_total", "failed", "raises"] == 1
    assert figures["taskdesk_worker_job_run_seconds_count", "echo"] == 2
    assert figures["taskdesk_worker_job_run_seconds_bucket", "+Inf", "echo"] == 2
    assert figures["taskdesk_worker_processes",] == 2
    assert figures["taskdesk_worker_redis_up",] == 1
    assert figures["taskdesk_worker_info", VERSION] == 1
    assert figures["taskdesk_worker_start_time_seconds",] == pytest.approx(time.time(), abs=60)
    assert figures["taskdesk_worker_resident_bytes",] > 50_000_000
    wait_until(lambda: scrape_worker()["taskdesk_worker_running_jobs",] == 0)


@pytest.mark.slow
def test_a_worker_counts_the_jobs_that_it_hands_back(scrape_worker, redis):
    Queue("default", connection=redis, serializer=JSONSerializer).enqueue("tasks.of_another_package")

    figures = wait_until(lambda: (now := scrape_worker())["taskdesk_worker_handed_back_jobs_total",] == 2 and now)

    assert figures["taskdesk_worker_jobs_total", "failed", "echo"] == 0


def test_the_metrics_of_a_worker_say_whether_redis_answers(scrape_worker, redis_server):
    redis_server.stop()
    try:
        figures = wait_until(lambda: (now := scrape_worker())["taskdesk_worker_redis_up",] == 0 and now)
        assert figures["taskdesk_worker_redis_outages_total",] >= 1
    finally:
        redis_server.start()
    wait_until(lambda: scrape_worker()["taskdesk_worker_redis_up",] == 1)


def test_a_taken_address_is_reported_in_a_sentence(redis_url, tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        stack = Stack(redis_url, tmp_path, WORKER_METRICS=f"127.0.0.1:{taken.getsockname()[1]}")

        assert stack.start("worker").wait(20) == 2
    assert "Set WORKER_METRICS to another" in stack.log("worker")


@pytest.mark.slow
def test_every_metric_of_the_worker_is_documented(scrape_worker):
    wait_until(
        lambda: ("taskdesk_worker_jobs_total", "succeeded", "echo") in scrape_worker(), what="tasks are imported"
    )

    assert documented("taskdesk_worker_") == shown(scrape_worker())


# Sentry

SECRET = "what-somebody-has-typed"


@pytest.fixture
def sentry():
    """A fake of Sentry's envelope endpoint: its DSN, and the events that it received."""
    events: list[dict[str, Any]] = []

    class Endpoint(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            if self.headers["Content-Encoding"] == "gzip":
                body = gzip.decompress(body)
            lines = [json.loads(line) for line in body.splitlines() if line]
            events.extend(line for line in lines if "event_id" in line and "platform" in line)
            self.send_response(200)
            self.end_headers()

        def log_message(self, *args: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Endpoint)
    Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://key@127.0.0.1:{server.server_port}/1", events
    server.shutdown()
    server.server_close()


@pytest.mark.slow
def test_a_failed_task_is_reported_once_without_anything_typed(sentry, client, registry, redis, redis_url, tmp_path):
    dsn, events = sentry
    stack = Stack(redis_url, tmp_path, TASKS="tests.sample_tasks", WORKERS="1", SENTRY_DSN=dsn)
    headers = {"X-Request-ID": REQUEST_ID}
    path = "/api/v1/tasks/raises_what_it_is_given/jobs"
    failed = client.post(path, json={"text": SECRET}, headers=headers).json["id"]
    refused = Jobs(redis, ("default",)).submit(registry.catalog.tasks["echo"], {"text": 1}, RETENTION).id
    stack.start("worker")
    for job_id in (failed, refused):
        wait_until(lambda job_id=job_id: client.get(f"/api/v1/jobs/{job_id}").json["status"] == "failed")
    stack.stop()

    [event] = events
    assert event["tags"]["job_id"] == failed
    assert event["tags"]["task"] == "tests.sample_tasks.raises_what_it_is_given"
    assert (event["tags"]["role"], event["tags"]["request_id"]) == ("worker", REQUEST_ID)
    assert event["exception"]["values"][-1]["stacktrace"]["frames"][-1]["function"] == "raises_what_it_is_given"
    assert SECRET not in json.dumps(events)


@pytest.mark.slow
def test_the_web_reports_an_unexpected_error_once_and_no_expected_one(sentry, redis_url, tmp_path):
    dsn, events = sentry
    program = """
from taskdesk.web.application import create_app
from taskdesk.web.settings import WebSettings
from taskdesk.service.sentry import flush_reports, configure_sentry
from pydantic import SecretStr
import sys
configure_sentry(SecretStr(sys.argv[1]), "dev", "web")
app = create_app(WebSettings(redis_url="redis://127.0.0.1:1/0", _env_file=None))
@app.get("/breaks/<word>")
def breaks(word):
    raise KeyError(word)
client = app.test_client()
print(client.get("/breaks/" + sys.argv[2]).status_code, client.get("/nothing").status_code, client.get("/").status_code)
flush_reports()
"""
    done = subprocess.run([sys.executable, "-c", program, dsn, SECRET], cwd=BACKEND, capture_output=True, text=True)

    assert done.stdout.splitlines()[-1] == "500 404 503", done.stderr
    [event] = events
    assert event["exception"]["values"][0]["type"] == "KeyError"
    assert (event["tags"]["route"], event["tags"]["role"]) == ("/breaks/<word>", "web")
    assert event["tags"]["request_id"]
    assert SECRET not in json.dumps(event)


@pytest.mark.slow
def test_without_a_dsn_sentry_is_not_imported_and_a_wrong_dsn_is_reported(redis_url, tmp_path):
    program = (
        "import server, worker, sys; from pydantic import SecretStr; from taskdesk.service.sentry import *;"
        "configure_sentry(SecretStr(''), 'dev', 'web'); report(ValueError()); flush_reports();"
        "print('sentry_sdk' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", program], cwd=BACKEND, capture_output=True, text=True, check=True)
    stack = Stack(redis_url, tmp_path, SENTRY_DSN="nonsense")

    assert done.stdout.strip() == "False"
    assert stack.start("worker").wait(20) == 2
    assert "SENTRY_DSN: " in stack.log("worker")


# What watches

DEPLOY = BACKEND.parent / "deploy"
ALERTS = yaml.safe_load((DEPLOY / "prometheus" / "alerts.yml").read_text())["groups"][0]["rules"]
DASHBOARD = json.loads((DEPLOY / "grafana" / "taskdesk.json").read_text())
PANELS = [panel for panel in DASHBOARD["panels"] if panel["type"] != "row"]


QUERIES = [alert["expr"] for alert in ALERTS] + [query["expr"] for panel in PANELS for query in panel["targets"]]


@pytest.mark.slow
def test_alerts_and_panels_query_only_existing_metrics(client, registry, scrape_worker):
    client.application.extensions["desk"].alerts.file = parse_alerts_file(FILE)
    client.post("/api/v1/tasks/echo/jobs", json={"text": "a"})
    ran = "taskdesk_worker_jobs_total"
    wait_until(lambda: any(series[0] == ran for series in scrape_worker()), what="a worker has run the job")
    known = {series[0] for figures in (Figures(client.get("/metrics").text), scrape_worker()) for series in figures}

    asked = {name for query in QUERIES for name in re.findall(r"\b(?:rq|taskdesk)_\w+", query)}

    assert len(asked) > 20
    assert asked <= known


def test_each_alert_is_documented():
    page = (BACKEND.parent / "docs" / "operating.md").read_text()
    explained = re.findall(r"^\| ([A-Z]\w+) \| \w", page, re.MULTILINE)

    assert [alert["alert"] for alert in ALERTS] == [name for name in explained if name != "Redis"]
    assert all(alert["annotations"]["summary"] and alert["labels"]["severity"] for alert in ALERTS)


def test_the_dashboard_works_with_any_prometheus():
    [variable] = DASHBOARD["templating"]["list"]

    assert (variable["type"], variable["query"]) == ("datasource", "prometheus")
    sources = {json.dumps(part["datasource"]) for panel in PANELS for part in (panel, *panel["targets"])}
    assert sources == {'{"type": "prometheus", "uid": "${datasource}"}'}
    assert len({panel["id"] for panel in DASHBOARD["panels"]}) == len(DASHBOARD["panels"])


def test_prometheus_finds_every_container_of_the_stack():
    config = yaml.safe_load((DEPLOY / "prometheus" / "prometheus.yml").read_text())
    compose = yaml.safe_load((BACKEND.parent / "docker-compose.yml").read_text())["services"]
    web, worker = config["scrape_configs"]

    assert web["static_configs"][0]["targets"] == [f"app:{compose['app']['environment']['APP_PORT']}"]
    [found] = worker["dns_sd_configs"]
    assert compose["worker"]["environment"]["WORKER_METRICS"] == f"0.0.0.0:{found['port']}"
    assert found["names"] == ["worker"]


@pytest.mark.skipif(not shutil.which("promtool"), reason="promtool is not installed")
def test_promtool_accepts_the_alerts():
    subprocess.run(["promtool", "check", "rules", DEPLOY / "prometheus" / "alerts.yml"], check=True)
