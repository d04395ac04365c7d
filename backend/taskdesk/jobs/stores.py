"""The store of the files that the settings name, and its check when a program starts."""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Callable
from importlib import import_module
from typing import Any, cast

from taskdesk.jobs.artifacts import ArtifactStore, FolderStore
from taskdesk.service.errors import SettingsError
from taskdesk.service.object_store import place_of
from taskdesk.service.settings import ROOT, SharedSettings

log = logging.getLogger("artifacts")


def open_store(settings: SharedSettings, **options: Any) -> ArtifactStore:
    """Return the store. `options`: of S3Store. Raises SettingsError if its library is missing."""
    place = place_of(settings.artifacts)
    if not place:  # no options: a folder is on this machine
        return folder_store(settings)
    return cast(ArtifactStore, _library("s3_store").S3Store(place, settings, **options))


def folder_store(settings: SharedSettings) -> FolderStore:
    """Return the store in the folder of this machine. With a bucket: where the files were before."""
    is_set = settings.artifacts and not place_of(settings.artifacts)
    return FolderStore(ROOT / settings.artifacts if is_set else settings.data_dir / "artifacts")


def check_store(settings: SharedSettings) -> None:
    """End the process with status 2 and a sentence if the bucket can't be used. A server that is away is only logged.

    The check runs in a process of its own: its library has threads, and the caller is going to fork.
    """
    if not place_of(settings.artifacts):
        return
    try:
        check = _library("s3_check").fault_of_bucket
    except SettingsError as error:
        print(error, file=sys.stderr)
        raise SystemExit(2) from None
    fault = _in_fork(lambda: check(open_store(settings), settings))
    if fault.startswith("-"):
        log.error("%s", fault[1:])
    elif fault:
        print(SettingsError([fault]), file=sys.stderr)
        raise SystemExit(2)


def _library(module: str) -> Any:
    """Return a module that needs obstore: only a desk with a bucket loads it. Raises SettingsError."""
    try:
        return import_module(f"taskdesk.jobs.{module}")
    except ModuleNotFoundError as error:
        if error.name != "obstore":
            raise
        problem = "ARTIFACTS: a bucket needs the library obstore, which is not installed: pip install 'taskdesk[s3]'"
        raise SettingsError([problem]) from None


def _in_fork(work: Callable[[], str]) -> str:
    """Return the text that `work` returns in a forked process. Raises RuntimeError if it fails: it has said why."""
    reader, writer = os.pipe()
    pid = os.fork()
    if not pid:
        status = 1
        try:
            os.write(writer, work().encode())
            status = 0
        except Exception:
            log.exception("the bucket can't be checked")
        finally:
            os._exit(status)
    os.close(writer)
    with open(reader, "rb") as answer:
        text = answer.read().decode()
    if os.waitpid(pid, 0)[1]:
        raise RuntimeError("the check of the bucket has failed")
    return text
