"""`/metrics`: its samples, and its cost."""

from __future__ import annotations

import os
import re
import signal
import time

import pytest
from prometheus_client.parser import text_string_to_metric_families

from taskdesk.jobs.alerts.file import parse_alerts_file
from taskdesk.jobs.alerts.scripts import MessageStatus
from taskdesk.jobs.alerts.states import State
from taskdesk.jobs.job import Retention
from taskdesk.jobs.jobs import Jobs
from taskdesk.jobs.keys import ALERTS
from taskdesk.web.application import create_app
from taskdesk.web.metrics.process_metrics import OPEN_STREAMS
from taskdesk.web.settings import WebSettings
from tests.conftest import BACKEND
from tests.web.alert_desk import FILE

METRICS_PAGE = (BACKEND.parent / "docs" / "metrics.md").read_text()
RETENTION = Retention(result_ttl=100, failure_ttl=200)


class Figures(dict):
    """Values by sample: its name and the values of its labels, in the order of the labels' names."""

    def __init__(self, text: str):
        self.families = list(text_string_to_metric_families(text))
        super().__init__(
            ((sample.name, *(value for _, value in sorted(sample.labels.items()))), sample.value)
            for family in self.families
            for sample in family.samples
        )


@pytest.fixture
def scrape(client):
    def scrape() -> Figures:
        answer = client.get("/metrics")
        assert (answer.status_code, answer.mimetype) == (200, "text/plain")
        return Figures(answer.text)

    return scrape


@pytest.fixture
def alerts(client):
    """The alerts of a desk with a file."""
    alerts = client.application.extensions["desk"].alerts
    alerts.file = parse_alerts_file(FILE)
    return alerts


@pytest.fixture
def submit(redis, registry):
    jobs = Jobs(redis, ("high", "default", "low"))
    return lambda task, **arguments: jobs.submit(registry.catalog.tasks[task], arguments, RETENTION).id


def test_jobs_are_counted_by_queue_and_status(scrape, submit, run_worker, redis):
    submit("echo", text="a")
    submit("raises")
    run_worker()
    submit("echo", text="a"), submit("echo", text="b"), submit("every_kind")
    redis.zadd("rq:scheduled:low", {"one": time.time() - 5})
    redis.zadd("rq:deferred:low", {"one": time.time() - 5})
    Jobs(redis, ("default",)).cancel(submit("echo", text="c"))
    redis.zadd("rq:wip:low", {"one:1": time.time() + 90})

    figures = scrape()

    counted = {labels[1:]: int(value) for labels, value in figures.items() if labels[0] == "rq_jobs" and value}
    assert counted == {
        ("default", "queued"): 2,
        ("default", "succeeded"): 1,
        ("default", "failed"): 1,
        ("high", "queued"): 1,
        ("low", "scheduled"): 1,
        ("low", "waiting"): 1,
        ("default", "canceled"): 1,
        ("low", "running"): 1,
    }


def test_what_has_expired_is_not_counted_and_not_cleaned_up(scrape, redis, registry):
    redis.zadd("rq:finished:low", {"gone": time.time() - 1, "there": time.time() + 100, "for ever": "inf"})

    figures = scrape()

    assert figures["rq_jobs", "low", "succeeded"] == 2
    assert redis.zcard("rq:finished:low") == 3


def test_the_wait_of_the_job_at_the_head_is_shown(scrape, submit, redis):
    first = submit("echo", text="a")
    submit("echo", text="b")
    redis.hset(f"rq:job:{first}", "enqueued_at", "2026-01-01T00:00:00.000000Z")

    figures = scrape()

    assert figures["rq_queue_oldest_seconds", "default"] == pytest.approx(time.time() - 1767225600, abs=5)
    assert figures["rq_queue_oldest_seconds", "low"] == 0


def test_a_queue_whose_head_has_no_job_anymore_is_shown(scrape, redis, registry):
    redis.rpush("rq:queue:low", "gone")

    figures = scrape()

    assert (figures["rq_jobs", "low", "queued"], figures["rq_queue_oldest_seconds", "low"]) == (1, 0)


@pytest.mark.slow
def test_the_runs_of_each_task_are_histograms(scrape, submit, run_worker, redis, tmp_path):
    for _ in range(3):
        waited = submit("wait_for", path=str(tmp_path / "never"), seconds=0.06)
    redis.hset(f"rq:job:{waited}", "enqueued_at", "2026-01-01T00:00:00.000000Z")
    submit("raises")
    run_worker()

    figures = scrape()

    assert figures["taskdesk_job_run_seconds_count", "wait_for"] == 3
    assert 0.18 <= figures["taskdesk_job_run_seconds_sum", "wait_for"] < 20
    assert figures["taskdesk_job_run_seconds_bucket", "0.05", "wait_for"] == 0
    assert figures["taskdesk_job_run_seconds_bucket", "+Inf", "wait_for"] == 3
    assert figures["taskdesk_job_wait_seconds_count", "wait_for"] == 3
    assert figures["taskdesk_job_wait_seconds_sum", "wait_for"] > 1_000_000
    assert figures["taskdesk_jobs_total", "succeeded", "wait_for"] == 3
    assert figures["taskdesk_jobs_total", "failed", "raises"] == 1
    assert figures["taskdesk_jobs_total", "failed", "echo"] == 0


def test_workers_are_counted_by_queue_and_state(scrape, redis, registry):
    redis.sadd("rq:workers", "rq:worker:a", "rq:worker:b")
    redis.hset("rq:worker:a", mapping={"queues": "high,default", "state": "busy"})
    redis.hset("rq:worker:b", mapping={"queues": "high,strange", "state": "idle"})

    figures = scrape()

    states = {labels[1:]: int(v) for labels, v in figures.items() if labels[0] == "rq_workers" and labels[1] != "low"}
    assert {labels for labels, count in states.items() if count} == {
        ("high", "busy"),
        ("high", "idle"),
        ("default", "busy"),
    }
    assert figures["rq_workers", "low", "idle"] == 0


def test_requests_are_counted_by_route_and_never_by_what_a_client_has_sent(client, scrape):
    before = scrape()
    client.get("/api/v1/jobs/no-such-job")
    client.get("/api/v1/jobs/nor-this")
    client.get("/secret-path")
    client.open("/secret-path", method="SECRET")

    after = scrape()

    def more(*labels):
        series = ("taskdesk_http_request_seconds_count", *labels)
        return after[series] - before.get(series, 0)

    assert more("GET", "/api/v1/jobs/<job_id>", "404") == 2
    assert more("GET", "none", "404") == more("other", "none", "404") == 1
    assert more("GET", "/metrics", "200") == 1
    assert not [series for series in after if "secret" in str(series).lower()]


def test_a_scrape_is_five_round_trips_and_three_while_the_catalog_is_fresh(client, submit):
    for _ in range(20):
        submit("echo", text="a")
    sent = []
    desk = client.application.extensions["desk"]
    desk.catalog.read()  # from here on it knows the tasks
    connection = desk.redis.connection_pool.get_connection()
    desk.redis.connection_pool.release(connection)
    send = connection.send_packed_command
    connection.send_packed_command = lambda *args, **options: (sent.append(args), send(*args, **options))

    desk.catalog._current = None
    client.get("/metrics")
    cold = len(sent)
    desk.catalog._current = (time.monotonic() + 60, desk.catalog.last_read)  # fresh, however slow this machine is
    client.get("/metrics")

    assert (cold, len(sent) - cold) == (5, 3)


def test_while_redis_is_away_the_requests_are_still_counted(tmp_path):
    client = create_app(WebSettings(redis_url="redis://127.0.0.1:1/0", data_dir=tmp_path, _env_file=None)).test_client()
    client.get("/healthz")

    figures = Figures(client.get("/metrics").text)

    assert figures["taskdesk_redis_up",] == 0
    assert figures["taskdesk_http_request_seconds_count", "GET", "/healthz", "200"] >= 1
    assert not [series for series in figures if series[0].startswith("rq_")]


@pytest.mark.slow
def test_a_silent_redis_is_reported_within_a_second(client, redis_server, scrape):
    assert scrape()["taskdesk_redis_up",] == 1
    client.application.extensions["desk"].catalog._current = None
    os.kill(redis_server.process.pid, signal.SIGSTOP)
    try:
        began = time.monotonic()

        assert scrape()["taskdesk_redis_up",] == 0
        assert time.monotonic() - began < 10  # the time-out is 0.8 s
    finally:
        os.kill(redis_server.process.pid, signal.SIGCONT)


def test_open_streams_are_a_gauge(scrape):
    before = scrape()["taskdesk_open_streams",]
    OPEN_STREAMS.inc()
    try:
        assert scrape()["taskdesk_open_streams",] == before + 1
    finally:
        OPEN_STREAMS.dec()


def test_alerts_and_their_messages_are_counted(alerts, scrape, redis):
    state = State(0, 0, "No worker is online", "/workers", fired=0)
    redis.hset(ALERTS, "nobody\n", state.dump())
    for status in (MessageStatus.SENT, MessageStatus.FAILED, MessageStatus.FAILED):
        alerts.test("ops")
        [claimed] = alerts.outbox.claim()
        alerts.outbox.settle(claimed, status, "")

    figures = scrape()

    assert figures["taskdesk_alerts_firing", "nobody"] == 1
    assert figures["taskdesk_alert_messages_total", "ops", "sent"] == 1
    assert figures["taskdesk_alert_messages_total", "ops", "failed"] == 2


def documented(prefix: str, but: str = "-") -> set[tuple[str, str, frozenset[str]]]:
    """Name, type and labels of the metrics in docs/metrics.md that begin with `prefix` and not with `but`."""
    rows = re.findall(r"^\| `(\w+)` \| (\w+) \| (.*?) \|", METRICS_PAGE, re.MULTILINE)
    named = [row for row in rows if row[0].startswith(prefix) and not row[0].startswith(but)]
    return {(name, kind, frozenset(re.findall(r"`(\w+)`", labels))) for name, kind, labels in named}


def shown(figures: Figures) -> set[tuple[str, str, frozenset[str]]]:
    """Name, type and labels of the metrics of a scrape."""
    found = set()
    for family in figures.families:
        labels = {name for sample in family.samples for name in sample.labels} - {"le"}
        name = f"{family.name}_total" if family.type == "counter" else family.name
        found.add((name, family.type, frozenset(labels)))
    return found


def test_every_metric_is_in_its_document_with_its_labels(client, alerts, scrape, submit, run_worker):
    submit("echo", text="a")
    run_worker()
    client.get("/healthz")

    assert documented("", but="taskdesk_worker_") == shown(scrape())
