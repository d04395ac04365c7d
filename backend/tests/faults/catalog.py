"""The tasks of the scenarios, as a worker announces them, and their names by how often they may run."""

from __future__ import annotations

from taskdesk.jobs.job import Retention
from taskdesk.worker.discovery import discover
from taskdesk.worker.settings import WorkerSettings

QUEUES = ("high", "default", "low")
CATALOG = discover(WorkerSettings(tasks="tests.faults.tasks", queues=QUEUES, _env_file=None)).catalog
KEPT = Retention(result_ttl=4 * 3600, failure_ttl=4 * 3600)

ONCE = ("effect_high", "effect", "effect_low")
OFTEN = ("retrying_high", "retrying", "retrying_low")
