"""The check at the start that TASKS names a package, and that it has tasks."""

from __future__ import annotations

import logging
import sys
from itertools import accumulate

from taskdesk.jobs.catalog import Catalog
from taskdesk.service.errors import SettingsError
from taskdesk.worker.settings import WorkerSettings

log = logging.getLogger("worker")


def exit_without_package(settings: WorkerSettings) -> None:
    """End the process with status 2 and a sentence if there is no package TASKS."""
    if not _exists(settings.tasks):
        remedy = "Name one as Python imports it, such as reports.tasks; PYTHONPATH adds folders to the import path."
        _refuse(f"TASKS: there is no package {settings.tasks!r}. {remedy}")


def exit_without_tasks(settings: WorkerSettings, catalog: Catalog) -> None:
    """Say that TASKS has neither tasks nor broken ones. In prod this ends the process with status 2."""
    if catalog.tasks or catalog.broken:
        return
    sentence = f"TASKS: the package {settings.tasks} has no task: a public function that is defined in it."
    if settings.env == "prod":
        _refuse(sentence)
    log.warning("%s", sentence)


def _exists(package: str) -> bool:
    """Look for the package without an import of those above it: only the template imports what authors write."""
    parts, folders = package.split("."), None
    if not all(map(str.isidentifier, parts)):
        return False
    for name in accumulate(parts, "{}.{}".format):
        spec = next((spec for finder in sys.meta_path if (spec := finder.find_spec(name, folders))), None)
        if not spec:
            return False
        folders = list(spec.submodule_search_locations or ())
    return True


def _refuse(problem: str) -> None:
    print(SettingsError([problem]), file=sys.stderr)
    raise SystemExit(2)
