"""No room on the disk, really: a file is refused with a sentence, and nothing of it stays."""

from __future__ import annotations

import io

import pytest

from taskdesk.jobs.artifacts import FolderStore
from taskdesk.jobs.errors import DiskFull

MB = 1 << 20


@pytest.fixture
def store(small_disk):
    return FolderStore(small_disk / "artifacts")


def test_five_percent_of_a_small_disk_stay_free(store, small_disk):
    assert store.save("job-1", "most", io.BytesIO(b"x" * 7 * MB)) == 7 * MB

    with pytest.raises(DiskFull, match=r"no room for 819,200 more bytes: .* has 1\.0 MB left, and 0\.4 MB stay free"):
        store.save("job-1", "more", io.BytesIO(b"x" * (800 << 10)))
    assert not store.disk().is_short
    assert store.save("job-1", "less", io.BytesIO(b"x" * (614 << 10))) == 614 << 10

    assert store.disk().is_short
    assert {path.name for path in small_disk.rglob("*") if path.is_file()} == {"most", "less"}


def test_a_disk_that_is_filled_meanwhile_leaves_nothing_of_the_file(store, small_disk):
    class Filling(io.BytesIO):
        def read(self, *size):
            (small_disk / "ballast").write_bytes(b"x" * 7 * MB)
            return super().read(*size)

    with pytest.raises(DiskFull):
        store.save("job-1", "large", Filling(b"x" * 4 * MB))

    assert [path.name for path in small_disk.rglob("*") if path.is_file()] == ["ballast"]


def test_there_is_room_before_the_first_file_makes_the_folder(small_disk):
    assert FolderStore(small_disk / "not" / "there").disk().free > 7 * MB
