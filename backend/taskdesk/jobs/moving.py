"""Move the files of jobs from a folder to another store. It may be killed at any time, and done again."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from taskdesk.jobs.artifacts import OCTET_STREAM, Artifact, ArtifactStore, FolderStore
from taskdesk.jobs.desk import Desk
from taskdesk.jobs.errors import ArtifactNotFound, JobExpired, JobNotFound, ResultGone, UnreadableResult


class Moved(NamedTuple):
    """What was moved of one job. `is_known`: Redis has the job; if not, its files stay."""

    job_id: str
    files: int = 0
    size: int = 0  # bytes
    is_known: bool = True


def move_files(desk: Desk, source: FolderStore) -> Iterator[Moved]:
    """Move the files to the store of the desk, and yield after each job. Raises StoreUnavailable, RedisError.

    A file is removed from the folder when the store has it. One that the store has already is newer, or the same.
    """
    for job_id, _ in source.job_ids():
        try:
            known = _files_of(desk, job_id)
        except (JobNotFound, JobExpired):
            yield Moved(job_id, is_known=False)
            continue
        sizes = [
            _move(desk.artifacts, source, job_id, known.get(name) or Artifact(name, OCTET_STREAM, 0, name))
            for name in source.names(job_id)
        ]
        yield Moved(job_id, len(sizes), sum(sizes))


def _files_of(desk: Desk, job_id: str) -> dict[str, Artifact]:
    files: dict[str, Artifact] = {}
    try:
        for file in desk.files_of(desk.job(job_id)):
            files[file.artifact] = file
    except (ResultGone, UnreadableResult):
        pass  # its files have only the names of the store
    return files


def _move(target: ArtifactStore, source: FolderStore, job_id: str, file: Artifact) -> int:
    size = 0
    try:
        target.link(job_id, file.artifact, "HEAD")
    except ArtifactNotFound:
        with source.open(job_id, file.artifact) as content:
            size = target.save(job_id, file.artifact, content, file.filename, file.media_type)
    source.remove(job_id, file.artifact)
    return size
