"""The check at the start that TASKS names a package, and that it has tasks."""

from __future__ import annotations

import logging
import sys
from importlib.util import find_spec

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
    try:
        return not package.startswith(".") and find_spec(package) is not None
    except ModuleNotFoundError as error:
        return not f"{package}.".startswith(f"{error.name}.")  # else a package above it lacks something, and is broken
    except ValueError:  # no name at all
        return False
    except BaseException:  # a package above it is broken
        return True


def _refuse(problem: str) -> None:
    print(SettingsError([problem]), file=sys.stderr)
    raise SystemExit(2)
