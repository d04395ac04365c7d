"""The tasks of the desk: grouped by the module that defines them, what was used last first."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from taskdesk.jobs.catalog import TaskSpec

ROWS_FROM = 30  # tasks: from so many on, they are rows and not cards


@dataclass(frozen=True)
class Group:
    """Tasks of one module. `name`: the module without its package."""

    name: str
    tasks: list[TaskSpec]


def grouped(tasks: Iterable[TaskSpec], used: Mapping[str, Any]) -> list[Group]:
    """Return the tasks by module. `used` has the names of those that have jobs, the last used first.

    The module of the task that was used last comes first. Tasks that were never used follow by title.
    """
    order = {name: place for place, name in enumerate(used)}
    groups: dict[str, list[TaskSpec]] = {}
    for spec in sorted(tasks, key=lambda spec: (order.get(spec.name, len(order)), spec.title.lower())):
        groups.setdefault(_module(spec), []).append(spec)
    return [Group(name, members) for name, members in groups.items()]


def _module(spec: TaskSpec) -> str:
    package, _, _ = spec.reference.rpartition(".")
    module, _, _ = next(iter(spec.paths), spec.reference).rpartition(".")
    return module.removeprefix(f"{package}.") or package
