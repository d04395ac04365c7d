"""Files that go into a job or come out of it, in a folder that web and worker share, or in a bucket (s3_store.py).

`ArtifactStore` is the interface. A file has two names: Taskdesk chooses the one under which it is stored (an upload is
`input-<parameter><suffix>`, or `input-<parameter>-<number><suffix>` of several), so a client never does; the other is
for people, and a download has it.
"""

from __future__ import annotations

import errno
import re
import shutil
from collections.abc import Collection, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from io import SEEK_END
from itertools import count
from pathlib import Path
from typing import Any, BinaryIO, Protocol
from urllib.parse import quote

from taskdesk.jobs.errors import ArtifactNotFound, DiskFull
from taskdesk.jobs.job_id import is_job_id

OCTET_STREAM = "application/octet-stream"
MAX_MEDIA_TYPE = 127  # characters
MAX_FILENAME = 200  # characters
RESERVE_SHARE, RESERVE_BYTES = 0.05, 1 << 30  # the lesser of these stays free on the disk

_SAFE_NAME = re.compile(r"[0-9A-Za-z_][0-9A-Za-z_. -]{0,99}")
_EXTENSION = re.compile(r"\.[0-9A-Za-z]{1,10}\Z")
_SUFFIX = re.compile(r"(\.[0-9A-Za-z]{1,10})?\.(gz|bz2|xz|zst|lz4|br|Z)\Z|\.[0-9A-Za-z]{1,10}\Z", re.IGNORECASE)
_PATH = re.compile(r"[/\\]")
# Besides slashes: control characters, halves of a character, and marks that turn the direction of the text, so that
# gpj.exe looks like exe.jpg.
_NO_NAME = re.compile(r"[/\\\x00-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")
_TOKEN = r"[!#$%&'*+.^_`|~0-9A-Za-z-]+"
_MEDIA_TYPE = re.compile(rf"{_TOKEN}/{_TOKEN}(?: *; *{_TOKEN}={_TOKEN})*")


@dataclass(frozen=True)
class Artifact:
    """A file, as a job's input or result names it. `size` is in bytes."""

    artifact: str
    media_type: str
    size: int
    filename: str


def artifact_of(value: Any) -> Artifact | None:
    """Return the file that a value in Redis stands for; None if the value is damaged.

    Only the mark of a job's upload, or the kind of a result's part, says that a value is a file: anybody may submit a
    value that looks like one.
    """
    match value:
        case {"artifact": str(name), "media_type": str(media_type), "size": int(size), "filename": str(filename)}:
            return Artifact(name, media_type, size, filename)
    return None


def artifacts_of(value: Any) -> list[Artifact]:
    """Return the files that an argument stands for, which is a file or a list of files; none if one is damaged."""
    values = value if isinstance(value, list) else [value]
    files = [file for one in values if (file := artifact_of(one))]
    return files if len(files) == len(values) else []


def clean_media_type(text: str) -> str:
    """Return a media type that can be sent in a header: OCTET_STREAM in place of one that can't."""
    return text if len(text) <= MAX_MEDIA_TYPE and _MEDIA_TYPE.fullmatch(text) else OCTET_STREAM


def clean_filename(text: str) -> str:
    """Return the name of a file for people: without path and control characters, and not too long."""
    name = _NO_NAME.sub("_", _PATH.split(text)[-1])
    if not name.strip("."):  # "..": the path of a folder
        return ""
    extension = _EXTENSION.search(name)
    suffix = extension[0] if extension else ""
    return name.removesuffix(suffix)[: MAX_FILENAME - len(suffix)] + suffix


def content_disposition(disposition: str, name: str) -> str:
    """Return the header for a cleaned name, which a client without UTF-8 sees in ASCII."""
    plain = name.encode("ascii", "replace").decode().translate(dict.fromkeys(map(ord, '"\\%'), "_"))
    return f"{disposition}; filename=\"{plain}\"; filename*=UTF-8''{quote(name, safe='')}"


@dataclass(frozen=True)
class UploadedFile:
    """A file that comes with the arguments of a job, before it is stored.

    `filename` is for people to read. It and `media_type` are as the client sent them: Desk stores them cleaned.
    """

    filename: str
    media_type: str
    content: BinaryIO

    def is_empty(self) -> bool:
        first = self.content.read(1)
        self.content.seek(0)
        return not first


def stored_upload_name(filename: str, label: str, plain_label: str, extensions: Sequence[str]) -> str:
    """Return the name under which to store an upload: with its label, or the plain one if no file may have the label.

    It keeps the suffix that the client's name has (".xlsx", ".csv.gz"), unless the task wants one of `extensions`.
    """
    found = _SUFFIX.search(clean_filename(filename))
    suffix = found[0] if found else ""
    if extensions and not filename.lower().endswith(tuple(one.lower() for one in extensions)):
        suffix = extensions[0]
    name = f"input-{label}{suffix}"
    return name if _SAFE_NAME.fullmatch(name) else f"input-{plain_label}{suffix}"


@dataclass(frozen=True)
class Disk:
    """The disk of the files: bytes that are free, and how many of them have to stay free."""

    free: int
    reserve: int

    @property
    def is_short(self) -> bool:
        """True while no more files are stored."""
        return self.free <= self.reserve


def stored_name(filename: str, taken: Collection[str]) -> str:
    """Return the name under which to store a file of a result that people know as `filename`; none that is `taken`.

    Raises ValueError if `filename` is a path, or contains characters that a file's name can't have.
    """
    if filename in ("", ".", "..") or len(filename) > 255 or _NO_NAME.search(filename):
        raise ValueError(f"{filename!r} can't be a file's name: leave out slashes and control characters.")
    if _SAFE_NAME.fullmatch(filename) and not filename.startswith("input-") and filename not in taken:
        return filename
    extension = _EXTENSION.search(filename)
    names = (f"file-{number}{extension[0] if extension else ''}" for number in count(1))
    return next(name for name in names if name not in taken)


class ArtifactStore(Protocol):
    """Where the files are. Every method but `disk` may raise StoreUnavailable if they are not on this machine."""

    def save(self, job_id: str, name: str, content: BinaryIO, filename: str = "", media_type: str = "") -> int:
        """Store `content`, whole or not at all; return its size in bytes. Raises DiskFull, ValueError on a bad name.

        A download that does not go through the web has this `filename` and `media_type`.
        """

    def check_room(self, size: int) -> None:
        """Raises DiskFull unless there is room for so many bytes more."""

    def disk(self) -> Disk | None:
        """Return how much room there is; None if the store has no disk of its own."""

    def link(self, job_id: str, name: str, method: str) -> str:
        """Return an address from which anyone can download the file for a moment; empty if the web has to send it.

        `method` is GET or HEAD. Raises ArtifactNotFound.
        """

    def open(self, job_id: str, name: str) -> BinaryIO:
        """Open the file for reading. Raises ArtifactNotFound."""

    def head(self, job_id: str, name: str, size: int) -> bytes:
        """Return the first bytes of the file, `size` at most. Raises ArtifactNotFound."""

    def local_path(self, job_id: str, name: str) -> Path:
        """Return a path of the file, for a task to read. Raises ArtifactNotFound."""

    def remove(self, job_id: str, name: str) -> None:
        """Remove a file of a job, if it exists."""

    def delete(self, job_id: str) -> None:
        """Remove all files of a job, if there are any."""

    def job_ids(self) -> Iterator[tuple[str, float]]:
        """Yield each job that has files, with the seconds since its folder changed, by the store's own clock."""


class FolderStore:
    """The store in a folder: `<folder>/<last two of the id>/<id>/<name>`."""

    def __init__(self, folder: Path):
        self._folder = folder

    def save(self, job_id: str, name: str, content: BinaryIO, filename: str = "", media_type: str = "") -> int:
        target = self._path(job_id, name)
        size = content.seek(0, SEEK_END)
        content.seek(0)
        self.check_room(size)
        unfinished = target.with_name(f".{name}.part")
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            with unfinished.open("wb") as file:
                shutil.copyfileobj(content, file, 1 << 20)
            unfinished.replace(target)
        except BaseException as error:
            unfinished.unlink(missing_ok=True)
            if is_disk_full(error):  # others have filled it meanwhile
                raise self._full(size) from None
            raise
        return target.stat().st_size

    def check_room(self, size: int) -> None:
        disk = self.disk()
        if size > disk.free - disk.reserve:
            raise self._full(size)

    def disk(self) -> Disk:
        there = next(folder for folder in (self._folder, *self._folder.parents) if folder.exists())
        total, _, free = shutil.disk_usage(there)
        return Disk(free, min(int(total * RESERVE_SHARE), RESERVE_BYTES))

    def link(self, job_id: str, name: str, method: str) -> str:
        return ""

    def _full(self, size: int) -> DiskFull:
        disk = self.disk()
        return DiskFull(size, disk.free, disk.reserve)

    def open(self, job_id: str, name: str) -> BinaryIO:
        return self.local_path(job_id, name).open("rb")

    def head(self, job_id: str, name: str, size: int) -> bytes:
        with self.open(job_id, name) as file:
            return file.read(size)

    def local_path(self, job_id: str, name: str) -> Path:
        try:
            path = self._path(job_id, name)
        except ValueError:
            raise ArtifactNotFound(job_id, name) from None
        # A task may have put a link there, to a file that only the web may read.
        if not path.is_file() or path.resolve() != self._folder.resolve() / path.relative_to(self._folder):
            raise ArtifactNotFound(job_id, name)
        return path

    def remove(self, job_id: str, name: str) -> None:
        self._path(job_id, name).unlink(missing_ok=True)

    def delete(self, job_id: str) -> None:
        shutil.rmtree(self._job_folder(job_id), ignore_errors=True)

    def names(self, job_id: str) -> list[str]:
        """Return the names of the files of a job, in their order; none that is not whole yet."""
        folder = self._job_folder(job_id)
        return sorted(path.name for path in folder.glob("*") if _SAFE_NAME.fullmatch(path.name) and path.is_file())

    def job_ids(self) -> Iterator[tuple[str, float]]:
        now = self._now()
        for folder in self._folder.glob("??/*"):
            if is_job_id(folder.name):
                with suppress(FileNotFoundError):  # removed meanwhile
                    yield folder.name, now - folder.stat().st_mtime

    def _now(self) -> float:
        """Return the time of the file system, which may be on another machine: that of a file that is written now."""
        if not self._folder.exists():
            return 0.0
        touched = self._folder / ".now"
        touched.touch()
        return touched.stat().st_mtime

    def _job_folder(self, job_id: str) -> Path:
        return self._folder / place_of_job(job_id)

    def _path(self, job_id: str, name: str) -> Path:
        return self._folder / place_of_file(job_id, name)


def place_of_job(job_id: str) -> str:
    """Return where the files of a job are within a store. Raises ValueError."""
    if not is_job_id(job_id):
        raise ValueError(f"{job_id!r} is no job id.")
    return f"{job_id[-2:]}/{job_id}"


def place_of_file(job_id: str, name: str) -> str:
    """Return where a file is within a store. Raises ValueError."""
    if not _SAFE_NAME.fullmatch(name):
        raise ValueError(f"{name!r} can't be a file's name: use letters, digits, '.', '_' and '-'.")
    return f"{place_of_job(job_id)}/{name}"


def is_disk_full(error: BaseException) -> bool:
    return isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT)
