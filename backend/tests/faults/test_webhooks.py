"""F28: receivers of webhooks that are slow, broken or hostile hold up no job, and lead to no internal address."""

from __future__ import annotations

import itertools
import time
from ipaddress import ip_network
from statistics import median

import pytest

from taskdesk.jobs.deliveries import Deliveries
from taskdesk.jobs.jobs import Jobs
from taskdesk.jobs.queues import Queues
from tests.conftest import Stack, wait_until
from tests.receivers import SECRET, Receiver, answers, delivering, pass_time
from tests.worker.conftest import RETENTION

ALLOWED = "127.0.0.1/32"
INTERNAL = "127.0.0.2"
JOBS = 3_000
ROUNDS = 5


@pytest.fixture
def internal():
    with Receiver(host=INTERNAL) as receiver:
        yield receiver


@pytest.fixture
def hostile(internal):
    """The URLs of receivers that send a byte a second, 500, redirects to internal addresses, and 10 GB."""
    receivers = [Receiver() for _ in range(5)]
    drip, error, redirect, metadata, flood = receivers
    drip.treat, flood.treat = drip.drip, flood.flood
    error.treat = answers(500)
    redirect.treat = answers(302, f"Location: {internal.url}\r\n")
    metadata.treat = answers(307, "Location: http://169.254.169.254/latest/meta-data/\r\n")
    yield [receiver.url for receiver in receivers]
    for receiver in receivers:
        receiver.__exit__()


@pytest.fixture
def jobs(redis):
    return Jobs(redis, ("high", "default", "low"))


@pytest.fixture
def start_worker(redis_url, tmp_path):
    stack = Stack(
        *(redis_url, tmp_path),
        **{"TASKS": "tests.sample_tasks", "WORKERS": "1", "STOP_GRACE": "1", "WEBHOOK_NETWORKS": ALLOWED},
        WEBHOOK_SECRETS=SECRET,
    )
    yield lambda: stack.start("worker")
    stack.stop()


def submit(jobs, registry, urls, count):
    """Submit jobs whose webhooks take turns."""
    spec = registry.catalog.tasks["echo"]
    for url in urls:
        jobs.submit_many(spec, [{"text": "a"}] * (count // len(urls)), RETENTION, webhook=url)


def test_f28_hostile_receivers_hold_up_neither_jobs_nor_others_and_reach_nothing_internal(
    jobs, registry, redis, hostile, internal, start_worker
):
    with Receiver() as fine:
        submit(jobs, registry, [*hostile, internal.url, f"http://localhost:{internal.port}/", fine.url], 400)
        start_worker()
        wait_until(lambda: redis.zcard("rq:finished:default") == 400, what="all jobs have ended")
        wait_until(lambda: len(fine.requests) == 50, what="the fine receiver has all its messages", seconds=20)

    assert internal.connections == 0


@pytest.mark.slow
def test_f28_a_name_that_changes_its_address_never_leads_to_an_internal_one(
    jobs, registry, redis, redis_url, internal, run_worker
):
    """DNS answers with an allowed address and with an internal one by turns."""
    addresses = itertools.cycle(["127.0.0.1", INTERNAL])
    submit(jobs, registry, [f"http://rebind.test:{internal.port}/"], 10)
    run_worker()
    networks = (ip_network(ALLOWED),)
    with delivering(redis_url, networks=networks, resolve=lambda *_: [next(addresses)]):
        for _ in range(10):
            before = sum(tries(redis))
            wait_until(lambda n=before: sum(tries(redis)) > n, what="another attempt")
            pass_time(redis, 310)

    assert internal.connections == 0


def tries(redis):
    return [int(redis.hget(key, "tries")) for key in redis.scan_iter("taskdesk:delivery:*")]


@pytest.mark.slow
def test_f28_what_hostile_receivers_did_stands_in_the_log_of_attempts(
    jobs, registry, redis, redis_url, hostile, run_worker
):
    ids = [jobs.submit(registry.catalog.tasks["echo"], {"text": "a"}, RETENTION, webhook=url).id for url in hostile]
    run_worker()
    with delivering(redis_url):
        wait_until(lambda: all(one and one[0].attempts for one in map(Deliveries(redis).of, ids)), what="all are tried")

    errors = [Deliveries(redis).of(job_id)[0].attempts[0].error for job_id in ids]
    assert "within 5 s" in errors[0]
    assert errors[1] == "The receiver answered 500."
    assert "302, a redirect" in errors[2]
    assert "307, a redirect" in errors[3]
    assert errors[4].startswith("The receiver answered 500: xxx")


@pytest.mark.slow
def test_f28_jobs_run_as_fast_as_without_webhooks(jobs, registry, redis, hostile, start_worker, capsys):
    """The bound is loose, for other load of the machine counts, too: at most 5 % is what is promised."""

    start_worker()
    spec = registry.catalog.tasks["echo"]
    ended = itertools.count(JOBS, JOBS)

    def seconds(urls):
        """Return the seconds in which jobs run that are queued before the first begins."""
        jobs_to_end = next(ended)
        queues = Queues(redis, ("default",))
        queues.pause("default")
        for start in range(JOBS // 500):
            jobs.submit_many(spec, [{"text": "a"}] * 500, RETENTION, webhook=urls[start % len(urls)])
        began = time.monotonic()
        queues.resume("default")
        wait_until(lambda: redis.zcard("rq:finished:default") == jobs_to_end, what="all have ended", seconds=120)
        return time.monotonic() - began

    seconds([""])  # until the worker is up
    ratios = [seconds([""]) / seconds(hostile) for _ in range(ROUNDS)]

    with capsys.disabled():
        print(f"\nF28: throughput with hostile receivers / without: {median(ratios):.3f} of {sorted(ratios)}")
    assert median(ratios) > 0.7
