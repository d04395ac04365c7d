"""Read the tasks that the online workers announce (catalog.py), with the workers that announce them."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from redis import Redis
from redis.exceptions import RedisError

from taskdesk.jobs.catalog import Announced, BrokenModule, Catalog, OnlineWorker, TaskSpec, catalog_digest
from taskdesk.jobs.damage import is_wrong_type
from taskdesk.jobs.errors import TaskNotFound
from taskdesk.jobs.fields import GROUP
from taskdesk.jobs.groups import read_groups
from taskdesk.jobs.keys import GROUPS, LATEST_CATALOG, LEASE_SECONDS, RQ_WORKERS, WORKERS, catalog_key, worker_key
from taskdesk.jobs.schema_faults import schema_fault
from taskdesk.service import clock

CATALOG_CACHE_SECONDS = 1.0  # a reader asks Redis at most this often


class CatalogReader:
    """Reads the announced tasks at most once a second. While one caller reads, others get the last reading."""

    def __init__(self, redis: Redis):
        self._redis = redis
        self._catalogs: dict[str, Catalog] = {}
        self._current: tuple[float, Announced] | None = None  # the last reading, and when it began
        self._failure: tuple[float, RedisError] | None = None  # of the last attempt to read, and when it ended
        self._reading = threading.Lock()

    def read(self, *, max_age: float = CATALOG_CACHE_SECONDS) -> Announced:
        """Return a reading that is at most so many seconds old; with 0, one that begins after this call."""
        current, earliest = self._current, time.monotonic() - max_age
        if current and (current[0] >= earliest or (max_age and self._reading.locked())):
            return current[1]
        return self._read_since(earliest)

    def read_or_cached(self) -> Announced:
        """As `read`, but return the last reading while Redis is away."""
        try:
            return self.read()
        except RedisError:
            if not self._current:
                raise
            return self._current[1]

    def task(self, name: str) -> TaskSpec:
        """As `Announced.task`. Also find a task that was announced just now, while another caller reads."""
        try:
            return self.read().task(name)
        except TaskNotFound:
            return self.read(max_age=0).task(name)

    def task_or_cached(self, name: str) -> TaskSpec:
        """As `task`, but use the last reading while Redis is away."""
        try:
            return self.task(name)
        except RedisError:
            return self.read_or_cached().task(name)

    @property
    def last_read(self) -> Announced:
        """The last reading, however old; the first one if there is none."""
        return self._current[1] if self._current else self.read()

    def _read_since(self, earliest: float) -> Announced:
        """Return a reading that began then (monotonic) or later.

        Callers read one after the other. If the one before fails, so do those that wait for it: else each of them would
        wait for a Redis that does not answer.
        """
        asked_at = time.monotonic()
        with self._reading:
            if self._current and self._current[0] >= earliest:
                return self._current[1]
            if self._failure and self._failure[0] >= asked_at:
                raise self._failure[1]
            began = time.monotonic()
            try:
                self._current, self._failure = (began, self._read()), None
            except RedisError as error:
                self._failure = time.monotonic(), error
                raise
            return self._current[1]

    def _read(self) -> Announced:
        with self._redis.pipeline(transaction=False) as pipeline:
            keys, newest, named = pipeline.smembers(RQ_WORKERS).get(LATEST_CATALOG).zrange(GROUPS, 0, -1).execute()
        groups = read_groups(self._redis, map(_text, named))
        latest = _text(newest)
        workers = list(self._workers(_text(key) for key in sorted(keys)))
        digests = {worker.catalog for worker in workers if worker.catalog}
        order = [latest] if latest and (not digests or latest in digests) else []
        order += sorted(digests.difference(order))

        broken: list[BrokenModule] = []
        catalogs = {digest: catalog for digest in order if (catalog := self._catalog(digest))}
        for catalog in catalogs.values():
            broken += [module for module in catalog.broken if module not in broken]
        tasks = _newest(list(catalogs.values()))
        catalogs |= {group.catalog: catalog for group in groups if (catalog := self._catalog(group.catalog))}
        waiting = {name: spec for catalog in catalogs.values() for name, spec in catalog.tasks.items()}
        tasks = dict(sorted({**waiting, **tasks}.items()))
        groups = [group for group in groups if group.catalog in catalogs]
        return Announced(tuple(catalogs), tasks, broken, workers, catalogs, groups)

    def _workers(self, keys: Iterable[str]) -> Iterator[OnlineWorker]:
        names = [key.removeprefix(worker_key("")) for key in keys]
        sent_at = clock.monotonic()
        with self._redis.pipeline(transaction=False) as pipeline:
            pipeline.time()
            for name in names:
                pipeline.hmget(worker_key(name), "queues", "state", "catalog", "death", GROUP)
                pipeline.zscore(WORKERS, name)
            redis_time, *answers = pipeline.execute(raise_on_error=False)
        now = clock.adjust(redis_time, sent_at)
        for name, record, seen in zip(names, answers[::2], answers[1::2], strict=True):
            if is_wrong_type(record):
                continue
            queues, state, catalog, death, group = record
            is_silent = seen is not None and now - seen > LEASE_SECONDS  # a stock RQ worker sends no heartbeat of ours
            if queues is not None and death is None and not is_silent:
                served = frozenset(_text(queues).split(","))
                yield OnlineWorker(name, served, _text(state), _text(catalog), _text(group))

    def _catalog(self, digest: str) -> Catalog | None:
        if digest not in self._catalogs:
            document = self._redis.get(catalog_key(digest))
            if document is None:
                return None
            self._catalogs[digest] = _read_catalog(digest, document)
        return self._catalogs[digest]


def _read_catalog(digest: str, document: bytes) -> Catalog:
    """Return the catalog of a document. One that is not as it was announced counts as a broken file of tasks."""
    if catalog_digest(document) == digest:
        catalog = Catalog.model_validate_json(document)
        return catalog.model_copy(update={"tasks": {name: _shown(spec) for name, spec in catalog.tasks.items()}})
    error = "The list of tasks is damaged in Redis. Restart the workers: they announce it again."
    return Catalog(tasks={}, broken=[BrokenModule(module=f"catalog {digest[:32]}", error=error)])


def _shown(spec: TaskSpec) -> TaskSpec:
    """Return the task; a schema that no page could show, of another version of the worker, allows any JSON."""
    faulty: dict[str, Any] = {name: {} for name, schema in spec.parameters.items() if schema_fault(schema)}
    changes: dict[str, Any] = {"output_schema": None} if spec.output_schema and schema_fault(spec.output_schema) else {}
    if faulty:
        changes["input_schema"] = {**spec.input_schema, "properties": {**spec.parameters, **faulty}}
    return spec.model_copy(update=changes) if changes else spec


def _newest(catalogs: Sequence[Catalog]) -> dict[str, TaskSpec]:
    """Return each task in its newest version, which holds the older ones. The newest catalog comes first."""
    versions: dict[str, dict[tuple[str, str], TaskSpec]] = {}
    for catalog in catalogs:
        for name, spec in catalog.tasks.items():
            versions.setdefault(name, {}).setdefault((spec.reference, spec.version), spec)
    tasks = {}
    for name, (newest, *others) in sorted((name, [*its.values()]) for name, its in versions.items()):
        same = tuple(spec for spec in others if spec.reference == newest.reference)
        tasks[name] = newest.model_copy(update={"others": same}) if same else newest
    return tasks


def _text(value: bytes | None) -> str:
    return (value or b"").decode(errors="replace")
