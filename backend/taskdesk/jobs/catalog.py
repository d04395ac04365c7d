"""The catalog of tasks in Redis: workers announce it, the web reads it.

A catalog is stored once, under the hash of its content. The RQ record of each worker names the hash that it serves
(field `catalog`). So RQ tells which workers are online, and a reader may cache a catalog for ever.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from pydantic import BaseModel, ConfigDict, Field
from redis import Redis
from redis.exceptions import RedisError

from taskdesk.jobs.damage import is_wrong_type
from taskdesk.jobs.errors import TaskNotFound
from taskdesk.jobs.keys import LATEST_CATALOG, LEASE_SECONDS, RQ_WORKERS, WORKERS, catalog_key, worker_key
from taskdesk.jobs.schema_faults import schema_fault
from taskdesk.jobs.schema_rules import has_format, is_file
from taskdesk.jobs.task import DECIMAL_FORMAT, SECRET_FORMAT
from taskdesk.service import clock

CATALOG_TTL_SECONDS = 30 * 24 * 3600  # after the last worker has gone
CATALOG_CACHE_SECONDS = 1.0  # a reader asks Redis at most this often


class TaskSpec(BaseModel):
    """The public description of a task. `input_schema` is a JSON Schema (2020-12) of its arguments, without `$ref`s.

    `reference` is what a job calls. RQ's programs, given the function itself, write one of its `paths` instead.
    A parameter that takes an uploaded file has `"format": "binary"`. `output_schema` is the JSON Schema of the result,
    or None if the result is no JSON or its type is unknown.
    """

    model_config = ConfigDict(frozen=True)

    name: str
    reference: str
    title: str
    description: str
    queue: str
    timeout: int
    retries: int
    input_schema: dict[str, Any]
    output_schema: dict[str, Any] | None = None
    at_most_once: bool = False
    paths: tuple[str, ...] = ()
    others: tuple[TaskSpec, ...] = Field((), exclude=True, repr=False)  # older versions that are online, too

    @cached_property
    def version(self) -> str:
        """A hash of the arguments that the task takes."""
        return hashlib.sha256(json.dumps(self.input_schema, sort_keys=True).encode()).hexdigest()[:12]

    @property
    def parameters(self) -> dict[str, dict[str, Any]]:
        properties: dict[str, dict[str, Any]] = self.input_schema.get("properties", {})
        return properties

    @cached_property
    def input_schema_json(self) -> str:
        return json.dumps(self.input_schema)

    @cached_property
    def file_parameters(self) -> dict[str, dict[str, Any]]:
        """The parameters that take an uploaded file, with the schema of the file."""
        return {
            name: choice
            for name, schema in self.parameters.items()
            for choice in schema.get("anyOf", [schema])
            if is_file(choice)
        }

    @cached_property
    def secret_parameters(self) -> set[str]:
        """The parameters that are a secret, or have one inside. No page and no answer shows their values."""
        return {name for name, schema in self.parameters.items() if has_format(schema, SECRET_FORMAT)}

    @cached_property
    def has_decimals(self) -> bool:
        return has_format(self.input_schema, DECIMAL_FORMAT)


class BrokenModule(BaseModel):
    """A file of tasks that can't be imported, or a function that can't be a task, and why."""

    module: str
    error: str


class Catalog(BaseModel):
    tasks: dict[str, TaskSpec]
    broken: list[BrokenModule] = []

    @property
    def by_reference(self) -> dict[str, TaskSpec]:
        return {spec.reference: spec for spec in self.tasks.values()}

    @cached_property
    def by_call(self) -> dict[str, TaskSpec]:
        return by_call(self.tasks.values())

    @property
    def digest(self) -> str:
        return _hash(self.model_dump_json().encode())


def by_call(specs: Iterable[TaskSpec]) -> dict[str, TaskSpec]:
    """Return tasks by each name that a job may call them by. A task's reference wins over the path of another task."""
    calls = [(rank, name, spec) for spec in specs for rank, name in enumerate((spec.reference, *spec.paths))]
    calls.sort(key=lambda call: call[0], reverse=True)  # what comes later overwrites
    return {name: spec for _, name, spec in calls}


def announce(redis: Redis, catalog: Catalog, *, again: bool = False) -> None:
    """Store the catalog for CATALOG_TTL_SECONDS. It becomes the newest, unless it is announced `again`."""
    with redis.pipeline() as pipeline:
        pipeline.set(catalog_key(catalog.digest), catalog.model_dump_json(), ex=CATALOG_TTL_SECONDS)
        pipeline.set(LATEST_CATALOG, catalog.digest, ex=CATALOG_TTL_SECONDS, nx=again)
        pipeline.expire(LATEST_CATALOG, CATALOG_TTL_SECONDS)
        pipeline.execute()


@dataclass(frozen=True)
class OnlineWorker:
    name: str
    queues: frozenset[str]
    state: str
    catalog: str


@dataclass(frozen=True)
class Announced:
    """Everything that the online workers announce. Two of these are equal if their catalogs are the same."""

    digests: tuple[str, ...]
    tasks: dict[str, TaskSpec] = field(compare=False)
    broken: list[BrokenModule] = field(compare=False)
    workers: list[OnlineWorker] = field(compare=False)
    catalogs: dict[str, Catalog] = field(compare=False)

    def task(self, name: str) -> TaskSpec:
        """Return the task of a name, or of what a job may call ("simple_task", "tasks.simple_task", a path).

        Raises TaskNotFound.
        """
        spec = self.tasks.get(name) or self._by_call.get(name)
        if not spec:
            raise TaskNotFound(name)
        return spec

    @cached_property
    def _by_call(self) -> dict[str, TaskSpec]:
        return by_call(self.tasks.values())

    def workers_online(self, queue: str) -> int:
        return sum(queue in worker.queues for worker in self.workers)

    def versions_online(self, reference: str, queue: str) -> list[str]:
        """Return the different versions of a task that workers of this queue serve."""
        serving = (self.catalogs.get(worker.catalog) for worker in self.workers if queue in worker.queues)
        specs = (catalog.by_call.get(reference) for catalog in serving if catalog)
        return sorted({spec.version for spec in specs if spec})


class CatalogReader:
    """Reads the announced tasks at most once a second. While one caller reads, others get the last reading."""

    def __init__(self, redis: Redis):
        self._redis = redis
        self._catalogs: dict[str, Catalog] = {}
        self._current: tuple[float, Announced] | None = None

    def read(self, *, max_age: float = CATALOG_CACHE_SECONDS) -> Announced:
        current = self._current
        if current and time.monotonic() - current[0] <= max_age:
            return current[1]
        if current:
            self._current = (time.monotonic(), current[1])  # other callers do not read meanwhile
        try:
            announced = self._read()
        except RedisError:
            self._current = current
            raise
        self._current = (time.monotonic(), announced)
        return announced

    def read_or_cached(self) -> Announced:
        """As `read`, but return the last reading while Redis is away."""
        try:
            return self.read()
        except RedisError:
            if not self._current:
                raise
            return self._current[1]

    def task(self, name: str) -> TaskSpec:
        """As `Announced.task`. Finds a task that was announced within the last second, too."""
        try:
            return self.read().task(name)
        except TaskNotFound:
            return self.read(max_age=0.2).task(name)

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

    def _read(self) -> Announced:
        with self._redis.pipeline(transaction=False) as pipeline:
            keys, newest = pipeline.smembers(RQ_WORKERS).get(LATEST_CATALOG).execute()
        latest = _text(newest)
        workers = list(self._workers(_text(key) for key in sorted(keys)))
        digests = {worker.catalog for worker in workers if worker.catalog}
        order = [latest] if latest and (not digests or latest in digests) else []
        order += sorted(digests.difference(order))

        broken: list[BrokenModule] = []
        catalogs = {digest: catalog for digest in order if (catalog := self._catalog(digest))}
        for catalog in catalogs.values():
            broken += [module for module in catalog.broken if module not in broken]
        return Announced(tuple(catalogs), _newest(list(catalogs.values())), broken, workers, catalogs)

    def _workers(self, keys: Iterable[str]) -> Iterator[OnlineWorker]:
        names = [key.removeprefix(worker_key("")) for key in keys]
        asked = clock.monotonic()
        with self._redis.pipeline(transaction=False) as pipeline:
            pipeline.time()
            for name in names:
                pipeline.hmget(worker_key(name), "queues", "state", "catalog", "death")
                pipeline.zscore(WORKERS, name)
            told, *answers = pipeline.execute(raise_on_error=False)
        now = clock.adjust(told, asked)
        for name, record, seen in zip(names, answers[::2], answers[1::2], strict=True):
            if is_wrong_type(record):
                continue
            queues, state, catalog, death = record
            is_silent = seen is not None and now - seen > LEASE_SECONDS  # a stock RQ worker sends no heartbeat of ours
            if queues is not None and death is None and not is_silent:
                yield OnlineWorker(name, frozenset(_text(queues).split(",")), _text(state), _text(catalog))

    def _catalog(self, digest: str) -> Catalog | None:
        if digest not in self._catalogs:
            document = self._redis.get(catalog_key(digest))
            if document is None:
                return None
            self._catalogs[digest] = _read_catalog(digest, document)
        return self._catalogs[digest]


def _read_catalog(digest: str, document: bytes) -> Catalog:
    """Return the catalog of a document. One that is not as it was announced counts as a broken file of tasks."""
    if _hash(document) == digest:
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


def _hash(document: bytes) -> str:
    return hashlib.sha256(document).hexdigest()[:32]


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
