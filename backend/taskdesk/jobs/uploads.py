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
    kept: dict[str, Any] = {}
    for name, uploads in arguments.uploads.items():
        place, extensions = [*spec.file_parameters].index(name), spec.file_parameters[name].get("extensions", ())
        is_list = name in spec.file_lists
        for number, upload in enumerate(uploads, 1):
            end = f"-{number}" if is_list else ""
            stored = stored_upload_name(upload.filename, f"{name}{end}", f"{place}{end}", extensions)
            media_type, filename = clean_media_type(upload.media_type), clean_filename(upload.filename)
            size = store.save(job_id, stored, upload.content, filename, media_type)
            file = vars(Artifact(stored, media_type, size, filename))
            kept[name] = [*kept.get(name, ()), file] if is_list else file
    return kept
