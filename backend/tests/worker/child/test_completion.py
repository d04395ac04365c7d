"""Redis refuses at the moment when a job ends: the job ends as it should as soon as Redis takes writes again.

Each code is a real Redis in that state, or else an error that the proxy before it answers; each way of ending is one
that other code of the worker does. The child runs in the test's own process.
"""

from __future__ import annotations

import logging
import threading
from contextlib import contextmanager

import pytest
from redis import Redis
from rq import Queue, Repeat, Retry
from rq.job import Dependency
from rq.serializers import JSONSerializer

from taskdesk.worker.discovery import discover
from taskdesk.worker.settings import WorkerSettings
from tests.faults.catalog import QUEUES
from tests.faults.crashes import Fate, Supervisor, connect
from tests.faults.proxy import Proxy
from tests.refusals import STATES, refusing

EFFECT = "tests.faults.tasks.effect"
ANSWERS = {
    "LOADING": "LOADING Redis is loading the dataset in memory",
    "TRYAGAIN": "TRYAGAIN Multiple keys request during rehashing of slot",
    "CLUSTERDOWN": "CLUSTERDOWN The cluster is down",
}
GONE = None


def _plain(queue, **options):
    queue.enqueue(EFFECT, job_id="one", **options)


def _with_dependent(queue, **options):
    parent = queue.enqueue(EFFECT, job_id="one", **options)
    queue.enqueue(EFFECT, depends_on=Dependency(parent, allow_failure=True), job_id="dependent")


# How the job is submitted, whether its function succeeds, and how it and its dependent have ended.
ENDINGS = {
    "plain": (_plain, {}, True, b"finished", GONE),
    "dependents": (_with_dependent, {}, True, b"finished", b"finished"),
    "repeat": (_plain, {"repeat": Repeat(times=1, interval=3600)}, True, b"scheduled", GONE),
    "no result kept": (_plain, {"result_ttl": 0}, True, GONE, GONE),
    "retry": (_plain, {"retry": Retry(max=1, interval=3600)}, False, b"scheduled", GONE),
    "failure": (_with_dependent, {}, False, b"failed", b"finished"),
}


@pytest.fixture(scope="module")
def registry():
    return discover(WorkerSettings(tasks="tests.faults.tasks", _env_file=None))


@pytest.fixture
def proxy(redis_server):
    proxy = Proxy(redis_server.port)
    proxy.start()
    yield proxy
    proxy.stop()


@pytest.fixture
def worker(redis, proxy, registry, tmp_path):
    url = f"redis://127.0.0.1:{proxy.port}/0"
    settings = WorkerSettings(
        redis_url=url, data_dir=tmp_path, tasks="tests.faults.tasks", queues=QUEUES, _env_file=None
    )
    worker = Supervisor(settings, registry, connect(url, Fate()), [])
    worker.be_born()
    return worker


@pytest.fixture
def operator(redis_url):
    with Redis.from_url(redis_url, single_connection_client=True) as operator:
        yield operator


@contextmanager
def answering(proxy, code):
    proxy.refuse(ANSWERS[code])
    try:
        yield
    finally:
        proxy.stop_refusing()


@pytest.fixture
def refuse_until_noticed(operator, proxy):
    """Let Redis refuse with this code, until the worker says that it waits."""
    began, noticed = threading.Event(), threading.Event()

    class Ear(logging.Handler):
        def emit(self, record):
            if "trying again until it answers" in record.getMessage():
                noticed.set()

    def run(code):
        with refusing(operator, code) if code in STATES else answering(proxy, code):
            began.set()
            assert noticed.wait(30), "the worker has not noticed"

    def refuse(code):
        thread = threading.Thread(target=run, args=[code])
        thread.start()
        assert began.wait(60)
        threads.append(thread)

    ear, threads = Ear(), []
    logging.getLogger("worker").addHandler(ear)
    yield refuse
    noticed.set()
    for thread in threads:
        thread.join()
    logging.getLogger("worker").removeHandler(ear)


@pytest.mark.parametrize("ending", ENDINGS)
@pytest.mark.parametrize("code", [*STATES, *ANSWERS])
def test_a_job_ends_as_it_should_once_redis_takes_writes_again(worker, redis, refuse_until_noticed, code, ending):
    submit, options, succeeds, status, dependents_status = ENDINGS[ending]
    submit(Queue("default", connection=redis, serializer=JSONSerializer), **options)

    worker.run([(lambda *_: refuse_until_noticed(code), succeeds), (lambda *_: None, True)], pace=1000)

    assert redis.hget("rq:job:one", "status") == status
    assert redis.hget("rq:job:dependent", "status") == dependents_status
    assert worker.begun == ["one", "dependent"][: 1 + bool(dependents_status)]
    assert not redis.zcard("rq:wip:default")
