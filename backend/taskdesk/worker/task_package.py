"""TASKS: where the packages of the tasks stand, and the checks at the start that they exist and have tasks."""

from __future__ import annotations

import os
import sys
from importlib.machinery import ModuleSpec, PathFinder
from itertools import permutations
from pathlib import Path
from typing import NoReturn, TypeVar

from taskdesk.jobs.catalog import Catalog
from taskdesk.service.errors import SettingsError
from taskdesk.worker.settings import WorkerSettings

Settings = TypeVar("Settings", bound=WorkerSettings)


def on_import_path(settings: Settings) -> Settings:
    """Make TASKS importable; return the settings with the names of its packages.

    For a folder or file, the import path gets the folder above it, or above the outermost package that it is in. For a
    name, the import path gets the current folder, as that of `rq worker` does. End the process with status 2 and a
    sentence if there is no such package.
    """
    places = [_located(one) if _is_path(one) else (Path.cwd(), one) for one in settings.tasks]
    for root, _ in reversed(places):
        if str(root) not in sys.path:
            sys.path.insert(0, str(root))
    for one, (_, name) in zip(settings.tasks, places, strict=True):
        _check(one, name)
    names = tuple(name for _, name in places)
    _refuse_overlap(names)
    return settings.model_copy(update={"tasks": names})


def _check(one: str, name: str) -> None:
    spec = find_package(name)
    if not spec:
        remedy = "Name one as Python imports it, such as reports.tasks, or its folder, such as ./reports/tasks."
        _refuse(f"TASKS: there is no package {name!r}. {remedy}")
    found = folders_of(spec) or [str(spec.origin)]
    if _is_path(one) and os.path.abspath(one) not in map(os.path.abspath, found):
        _refuse(f"TASKS: Python finds {found[0]} in place of {one}, because both have the name {name}. Rename one.")


def _refuse_overlap(names: tuple[str, ...]) -> None:
    for one, other in permutations(names, 2):
        if f"{one}.".startswith(f"{other}."):
            _refuse(f"TASKS: it lists {one} twice{f', because {other} has it' * (one != other)}. Leave it out.")


def _is_path(one: str) -> bool:
    return os.sep in one or one in (".", "..") or (one.endswith(".py") and os.path.isfile(one))


def _located(tasks: str) -> tuple[Path, str]:
    """Return the folder from which Python imports this folder or file, and the name by which it does."""
    path = Path(os.path.abspath(tasks))
    if not path.exists():
        kind = "file" if path.suffix == ".py" else "folder"
        _refuse(f"TASKS: there is no {kind} {tasks}. Name the one with your tasks, or make one: taskdesk new NAME")
    root = path.parent
    while (root / "__init__.py").exists():
        root = root.parent
    parts = path.relative_to(root).with_suffix("").parts
    if not all(map(str.isidentifier, parts)):
        _refuse(f"TASKS: Python can't import {path.name!r}. Rename it: use letters, digits and underscores only.")
    if parts[0] in {*sys.modules, *sys.stdlib_module_names}:
        _refuse(f"TASKS: {parts[0]!r} is also the name of a module of Python or of Taskdesk. Rename the folder.")
    return root, ".".join(parts)


def exit_without_tasks(settings: WorkerSettings, catalog: Catalog) -> None:
    """End the process with status 2 and a sentence if a package has neither tasks nor broken ones.

    One that can't be imported is such a broken one as long as another package has tasks.
    """
    errors = {module.module: module.error for module in catalog.broken}
    names = [*(spec.reference for spec in catalog.tasks.values()), *errors]
    for package in settings.tasks:
        if package in errors and not catalog.tasks:
            _refuse(
                f"TASKS: the package {package} can't be imported: {errors[package]}. Correct that, then start again."
            )
        if not any(f"{name}.".startswith(f"{package}.") for name in names):
            _refuse(
                f"TASKS: the package {package} has no task. Write a function such as def hello(name: str) -> str "
                "into one of its files."
            )


def find_package(package: str) -> ModuleSpec | None:
    """Find the package without an import of those above it: only the template imports what authors write."""
    first, *others = package.split(".")
    if not all(map(str.isidentifier, (first, *others))):
        return None
    spec = next((spec for finder in sys.meta_path if (spec := finder.find_spec(first, None))), None)
    for name in others:  # by its last part: for the whole name, a folder without __init__.py asks for the one above
        spec = PathFinder.find_spec(name, folders_of(spec)) if spec else None
    return spec


def folders_of(spec: ModuleSpec) -> list[str]:
    """Return the folders of a package; none if it is a file."""
    return list(spec.submodule_search_locations or ())


def _refuse(problem: str) -> NoReturn:
    print(SettingsError([problem]), file=sys.stderr)
    raise SystemExit(2)
