"""The folder for the temporary files of a worker."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

import pytest

from taskdesk.worker.supervisor import tempdir
from taskdesk.worker.supervisor.tempdir import OwnFolder


@pytest.fixture(autouse=True)
def folders(tmp_path, monkeypatch):
    """The folder that has them all. A folder may be removed as soon as it is not locked."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.setattr(tempdir, "_LOCK_GRACE_SECONDS", -1)
    return tmp_path


def open_folders():
    return [link for fd in Path("/proc/self/fd").iterdir() if (link := _target(fd)) and "/taskdesk-" in link]


def _target(link):
    try:
        return os.readlink(link)
    except FileNotFoundError:  # it was open while the folder was read
        return ""


def test_a_folder_that_is_removed_leaves_no_open_file():
    folder = OwnFolder()

    assert str(folder.path) in open_folders()
    folder.remove()
    folder.remove()

    assert str(folder.path) not in open_folders()
    assert not folder.path.exists()


def test_the_folder_of_a_worker_that_was_killed_is_removed_by_the_next(folders):
    (folders / "taskdesk-killed").mkdir()
    living = OwnFolder()

    following = OwnFolder()

    assert {path.name for path in folders.iterdir()} == {living.path.name, following.path.name}
    living.remove()
    following.remove()
