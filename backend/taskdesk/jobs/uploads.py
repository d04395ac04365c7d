"""Store the files that come with the arguments of a job."""

from __future__ import annotations

from typing import Any

from taskdesk.jobs.arguments import Arguments
from taskdesk.jobs.artifacts import (
    Artifact,
    ArtifactStore,
    clean_filename,
    clean_media_type,
    stored_upload_name,
)
from taskdesk.jobs.catalog import TaskSpec


def store_uploads(store: ArtifactStore, spec: TaskSpec, arguments: Arguments, job_id: str) -> dict[str, Any]:
    """Store the files of a job. Return what stands for them in its input, by parameter."""
    kept = {}
    for name, upload in arguments.uploads.items():
        place, extensions = [*spec.file_parameters].index(name), spec.file_parameters[name].get("extensions", ())
        stored = stored_upload_name(upload.filename, place, name, extensions)
        size = store.save(job_id, stored, upload.content)
        media_type, filename = clean_media_type(upload.media_type), clean_filename(upload.filename)
        kept[name] = vars(Artifact(stored, media_type, size, filename))
    return kept
