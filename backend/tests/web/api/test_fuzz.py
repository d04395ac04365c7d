"""Schemathesis calls each operation of the OpenAPI document with valid and invalid input, and with other methods.

Importing it takes a second, so only the process that runs this test does.
"""

from __future__ import annotations

import dataclasses
import itertools
import re

import pytest

from taskdesk.jobs.catalog import announce
from taskdesk.service.outbound import MAX_URL
from taskdesk.web.application import create_app
from taskdesk.worker.supervisor.worker import TaskWorker
from tests.conftest import preloaded

TASKS = ("count_bytes", "echo", "every_kind", "parts")
CONFIG = {
    "seed": 1,
    "generation": {"deterministic": True, "database": "none", "no-shrink": True},
    "phases": {"stateful": {"enabled": False}},
    "operations": [
        {"include-path": "/api/v1/tasks/{name}/jobs", "checks": {"positive_data_acceptance": {"enabled": False}}},
        {"include-path": "/api/v1/tasks/{name}/jobs:batch", "checks": {"positive_data_acceptance": {"enabled": False}}},
        # which fields a rule takes depends on its kind, and its channels stand in a file
        {
            "include-path": "/api/v1/alerts/rules/{name}",
            "checks": {"positive_data_acceptance": {"enabled": False}},
        },
        # a cursor is of a list with the same filter
        {"include-path": "/api/v1/jobs", "checks": {"positive_data_acceptance": {"enabled": False}}},
        # the batches leave 6,000 jobs, and a busy machine may take more than the 5 s that a search has
        {"include-path": "/api/v1/jobs:count", "checks": {"positive_data_acceptance": {"enabled": False}}},
        # no schema says which cron strings, zones and tasks there are, and what arguments each task takes
        *(
            {"include-path": f"/api/v1/schedules{path}", "checks": {"positive_data_acceptance": {"enabled": False}}}
            for path in ("", ":preview", "/{schedule_id}")
        ),
        # no schema says that a chart is of a task or of a queue
        {"include-path": "/api/v1/charts", "checks": {"positive_data_acceptance": {"enabled": False}}},
        # no schema knows which addresses are switched off
        {"include-path": "/api/v1/webhooks:switch-on", "checks": {"positive_data_acceptance": {"enabled": False}}},
        # no schema knows the arguments of each task, and what a name may have
        {
            "include-path": "/api/v1/tasks/{name}/presets/{preset}",
            "checks": {"positive_data_acceptance": {"enabled": False}},
        },
        # no schema says which times have passed, and which option an action takes
        *(
            {"include-path": f"/api/v1/jobs{path}", "checks": {"positive_data_acceptance": {"enabled": False}}}
            for path in (":bulk", "/{job_id}/move", "/{job_id}/reschedule")
        ),
        # a form also says yes by "on" and "1"
        {"include-path": "/api/v1/tasks/every_kind/jobs", "checks": {"negative_data_rejection": {"enabled": False}}},
    ],
}


@pytest.fixture
def few(registry, redis):
    """Announce a few of the sample tasks."""
    tasks = {name: registry.catalog.tasks[name] for name in TASKS}
    redis.flushall()
    registry = dataclasses.replace(registry, catalog=registry.catalog.model_copy(update={"tasks": tasks}))
    announce(redis, registry.catalog)
    return registry


@pytest.fixture
def app(web_settings, few):
    return create_app(web_settings)


@pytest.fixture
def job_ids(app, few, worker_settings, redis):
    """Return the ids of two jobs that have ended, and of one that waits."""

    def submit(task, **arguments):
        return app.test_client().post(f"/api/v1/tasks/{task}/jobs", json=arguments).json["id"]

    ended = [submit("parts"), submit("echo", text="a")]
    TaskWorker(worker_settings, preloaded(few), redis).work(burst=True, logging_level="WARNING")
    return [*ended, submit("echo", text="a")]


@pytest.fixture
def _reach_jobs(job_ids):
    """Make every second id that of a known job and each key new, and let no request wait."""
    import schemathesis

    numbers = itertools.count()

    def before_call(context, case, kwargs):
        headers, path = case.headers, case.path_parameters or {}
        headers["Accept-Encoding"] = "identity"  # it asks for gzip, and then can't read it from a WSGI application
        if len(path.get("job_id", "")) % 2:
            path["job_id"] = job_ids[len(path["job_id"]) % len(job_ids)]
        if re.fullmatch("[!-~]([ -~]{0,253}[!-~])?", headers.get("Idempotency-Key", "")):
            headers["Idempotency-Key"] = f"key-{next(numbers)}"
        if "Prefer" in headers:
            headers["Prefer"] = re.sub("wait=[0-9]+", "wait=0", headers["Prefer"])
        if re.match("[0-9]{4}-", str((case.query or {}).get("at"))):
            case.query["at"] = "2020-01-01T00:00:00Z"  # a schema can't say how far ahead it may be
        url = str((case.query or {}).get("webhook"))
        if len(url) <= MAX_URL and re.fullmatch("https?://[!-~]+", url):
            case.query["webhook"] = "https://app.example.org/hooks/jobs"  # nor which hosts there may be

    schemathesis.hook(before_call)
    yield
    schemathesis.hooks.unregister(before_call)


@pytest.mark.timeout(600)
@pytest.mark.slow
@pytest.mark.usefixtures("_reach_jobs")
def test_every_operation_does_as_it_is_described(app):
    import schemathesis
    from schemathesis.config import SchemathesisConfig
    from schemathesis.engine import events, from_schema

    generation = CONFIG["generation"] | {"max-examples": 20}
    config = SchemathesisConfig.from_dict(CONFIG | {"generation": generation})
    described = schemathesis.openapi.from_wsgi("/api/v1/openapi.json", app, config=config)
    described = described.exclude(path_regex="/events$|/parts/")  # the stream of a job that waits has no end

    happened = list(from_schema(described).execute())

    scenarios = [event.recorder for event in happened if isinstance(event, events.ScenarioFinished)]
    checks = [check for one in scenarios for found in one.checks.values() for check in found]
    wrong = [
        f"{found.failure}\n{vars(found.failure)}\n{found.code_sample}"
        for check in checks
        if (found := check.failure_info)
    ]
    wrong += [str(event) for event in happened if isinstance(event, events.NonFatalError | events.FatalError)]
    assert not wrong, "\n\n".join(wrong)
    assert sum(len(one.interactions) for one in scenarios) > 500
