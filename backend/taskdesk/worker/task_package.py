"""TASKS: where the package of the tasks stands, and the checks at the start that it exists and has tasks."""

from __future__ import annotations

import os
import sys
from importlib.machinery import ModuleSpec, PathFinder
from pathlib import Path
from typing import NoReturn, TypeVar

from taskdesk.jobs.catalog import Catalog
from taskdesk.service.errors import SettingsError
from taskdesk.worker.settings import WorkerSettings

Settings = TypeVar("Settings", bound=WorkerSettings)


def on_import_path(settings: Settings) -> Settings:
    """Make TASKS importable; return the settings with the name of its package.

    If TASKS is a folder or file, the import path gets the folder above it, or above the outermost package that it is
    in. If it is a name, the import path gets the current folder, as that of `rq worker` does. End the process with
    status 2 and a sentence if there is no such package.
    """
    root, name = _located(settings.tasks) if _is_path(settings.tasks) else (Path.cwd(), settings.tasks)
    if str(root) not in sys.path:
        sys.path.insert(0, str(root))
    if not find_package(name):
        remedy = "Name one as Python imports it, such as reports.tasks, or its folder, such as ./reports/tasks."
        _refuse(f"TASKS: there is no package {name!r}. {remedy}")
    return settings.model_copy(update={"tasks": name})


def _is_path(tasks: str) -> bool:
    return os.sep in tasks or tasks in (".", "..") or (tasks.endswith(".py") and os.path.isfile(tasks))


def _located(tasks: str) -> tuple[Path, str]:
    """Return the folder from which Python imports this folder or file, and the name by which it does."""
    path = Path(os.path.abspath(tasks))
    if not path.exists():
        _refuse(f"TASKS: there is no folder {tasks}. Name the one with your tasks, or make one: taskdesk new NAME")
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
    """End the process with status 2 and a sentence if TASKS can't be imported, or has neither tasks nor broken ones."""
    if catalog.tasks:
        return
    own = [module.error for module in catalog.broken if module.module == settings.tasks]
    if own:
        _refuse(f"TASKS: the package {settings.tasks} can't be imported: {own[0]}. Correct that, then start again.")
    if not catalog.broken:
        _refuse(
            f"TASKS: the package {settings.tasks} has no task. Write a function such as def hello(name: str) -> str "
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
