"""The catalog of tasks in Redis: workers announce it, others read it (catalog_reader.py).

A catalog is stored once, under the hash of its content. The RQ record of each worker names the hash that it serves
(field `catalog`). So RQ tells which workers are online, and a reader may cache a catalog for ever.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from pydantic import BaseModel, ConfigDict, Field
from redis import Redis

from taskdesk.jobs.call_shape import CallShape
from taskdesk.jobs.errors import TaskNotFound
from taskdesk.jobs.groups import Group, announce_group
from taskdesk.jobs.keys import LATEST_CATALOG, catalog_key
from taskdesk.jobs.retries import DEFAULT_BACKOFF, Backoff
from taskdesk.jobs.schema_rules import file_of, has_format, is_file_list, plain_schema
from taskdesk.jobs.task import COLUMN_OF, DECIMAL_FORMAT, SECRET_FORMAT

CATALOG_TTL_SECONDS = 30 * 24 * 3600  # after the last worker has gone


class TaskSpec(BaseModel):
    """The public description of a task. `input_schema` is a JSON Schema (2020-12) of its arguments, without `$ref`s.

    `reference` is what a job calls. RQ's programs, given the function itself, write one of its `paths` instead.
    A parameter that takes an uploaded file has `"format": "binary"`; one that takes several is an array of these.
    `output_schema` is the JSON Schema of the result, or None if the result is no JSON or its type is unknown.
    """

    model_config = ConfigDict(frozen=True)

    name: str
    reference: str
    title: str
    description: str
    queue: str
    timeout: int
    retries: int
    backoff: Backoff = DEFAULT_BACKOFF
    input_schema: dict[str, Any]
    output_schema: dict[str, Any] | None = None
    at_most_once: bool = False
    grace: int | None = None
    webhook: str = ""
    notify: str = ""
    paths: tuple[str, ...] = ()
    shape: CallShape | None = None  # None in catalogs of earlier versions
    schedule: dict[str, Any] | None = None  # what it declares: see schedules/definition.py
    others: tuple[TaskSpec, ...] = Field((), exclude=True, repr=False)  # older versions that are also online

    @cached_property
    def version(self) -> str:
        """A hash of the arguments that the task takes."""
        return hashlib.sha256(json.dumps(self.input_schema, sort_keys=True).encode()).hexdigest()[:12]

    @property
    def parameters(self) -> dict[str, dict[str, Any]]:
        properties: dict[str, dict[str, Any]] = self.input_schema.get("properties", {})
        return properties

    def named(self, positional: Sequence[Any], named: Mapping[str, Any]) -> dict[str, Any]:
        """Return the arguments of a call by name. Raises TypeError if they are no arguments of the task."""
        shape = self.shape or CallShape(by_place=tuple(self.parameters))
        return shape.named(positional, named, self.parameters)

    def called(self, arguments: Mapping[str, Any]) -> tuple[list[Any], Mapping[str, Any]]:
        """Return the positional and the named arguments that a job calls the task with."""
        return self.shape.called(arguments) if self.shape and self.shape.is_special else ([], arguments)

    @cached_property
    def input_schema_json(self) -> str:
        return json.dumps(self.input_schema)

    @cached_property
    def file_parameters(self) -> dict[str, dict[str, Any]]:
        """The parameters that take uploaded files, with the schema of a file."""
        return {
            name: file
            for name, schema in self.parameters.items()
            for choice in schema.get("anyOf", [schema])
            if (file := file_of(choice))
        }

    @cached_property
    def file_lists(self) -> set[str]:
        """The parameters that take several files."""
        choices = {name: self.parameters[name].get("anyOf", [self.parameters[name]]) for name in self.file_parameters}
        return {name for name, schemas in choices.items() if any(map(is_file_list, schemas))}

    @cached_property
    def column_parameters(self) -> dict[str, str]:
        """The parameters that name a column of an uploaded table, with the parameter of the table."""
        columns = {name: plain_schema(schema).get(COLUMN_OF) for name, schema in self.parameters.items()}
        return {name: of for name, of in columns.items() if isinstance(of, str)}

    @cached_property
    def secret_parameters(self) -> set[str]:
        """The parameters that are a secret, or have one inside. No page and no answer shows their values."""
        return {name for name, schema in self.parameters.items() if has_format(schema, SECRET_FORMAT)}

    @cached_property
    def defaults(self) -> dict[str, Any]:
        """The default values that a page may show."""
        return {
            name: schema["default"]
            for name, schema in self.parameters.items()
            if "default" in schema and name not in self.secret_parameters
        }

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
        return catalog_digest(self.model_dump_json().encode())


def by_call(specs: Iterable[TaskSpec]) -> dict[str, TaskSpec]:
    """Return tasks by each name that a job may call them by. A task's reference wins over the path of another task."""
    calls = [(rank, name, spec) for spec in specs for rank, name in enumerate((spec.reference, *spec.paths))]
    calls.sort(key=lambda call: call[0], reverse=True)  # what comes later overwrites
    return {name: spec for _, name, spec in calls}


def announce(
    redis: Redis, catalog: Catalog, *, group: str = "", queues: Sequence[str] = (), again: bool = False
) -> None:
    """Store the catalog for CATALOG_TTL_SECONDS. It becomes the newest, unless it is announced `again`.

    With it store the worker group that serves it, and its queues, if `group` names one.
    """
    document = catalog.model_dump_json().encode()
    digest = catalog_digest(document)
    with redis.pipeline() as pipeline:
        pipeline.set(catalog_key(digest), document, ex=CATALOG_TTL_SECONDS)
        pipeline.set(LATEST_CATALOG, digest, ex=CATALOG_TTL_SECONDS, nx=again)
        pipeline.expire(LATEST_CATALOG, CATALOG_TTL_SECONDS)
        if group:
            announce_group(pipeline, Group(group, tuple(queues), digest), again=again)
        pipeline.execute()


@dataclass(frozen=True)
class OnlineWorker:
    name: str
    queues: frozenset[str]
    state: str
    catalog: str
    group: str


@dataclass(frozen=True)
class Announced:
    """Everything that the online workers announce. Two of these are equal if their catalogs are the same.

    `groups`: the worker groups, also those without a worker now, whose tasks are here, too.
    """

    digests: tuple[str, ...]
    tasks: dict[str, TaskSpec] = field(compare=False)
    broken: list[BrokenModule] = field(compare=False)
    workers: list[OnlineWorker] = field(compare=False)
    catalogs: dict[str, Catalog] = field(compare=False)
    groups: list[Group] = field(compare=False)

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

    def group_workers(self, group: str) -> int:
        """Return how many workers of a group are online."""
        return sum(worker.group == group for worker in self.workers)

    def groups_of(self, name: str) -> list[Group]:
        """Return the worker groups that serve the task of this name."""
        return [group for group in self.groups if name in self._tasks_of(group.catalog)]

    def tasks_of(self, group: Group) -> list[str]:
        """Return the names of the tasks that a group serves."""
        return sorted(self._tasks_of(group.catalog))

    def _tasks_of(self, digest: str) -> dict[str, TaskSpec]:
        return self.catalogs[digest].tasks if digest in self.catalogs else {}

    def serving(self, reference: str, queue: str) -> int:
        """Return how many online workers of the queue serve the task. Those of plain RQ, which don't say, count."""
        return self._serving[queue, reference] + self._serving[queue, ""]

    def queues_of(self, reference: str) -> list[str]:
        """Return the queues whose online workers serve the task, and those of groups that have no worker now."""
        online = {queue for queue, one in self._serving if one == reference}
        calls = ((group, self.catalogs.get(group.catalog)) for group in self.groups)
        offline = {queue for group, its in calls if its and reference in its.by_call for queue in group.queues}
        return sorted(online | offline)

    @cached_property
    def _serving(self) -> Counter[tuple[str, str]]:
        """How many workers are online by queue and by what a job may call; "" for a worker without a catalog."""
        counts: Counter[tuple[str, str]] = Counter()
        for worker in self.workers:
            catalog = self.catalogs.get(worker.catalog)
            names = [*catalog.by_call] if catalog else [""]
            counts.update((queue, name) for queue in worker.queues for name in names)
        return counts

    def versions_online(self, reference: str, queue: str) -> list[str]:
        """Return the different versions of a task that workers of this queue serve."""
        serving = (self.catalogs.get(worker.catalog) for worker in self.workers if queue in worker.queues)
        specs = (catalog.by_call.get(reference) for catalog in serving if catalog)
        return sorted({spec.version for spec in specs if spec})


def catalog_digest(document: bytes) -> str:
    return hashlib.sha256(document).hexdigest()[:32]
