"""What every request may use: the catalogue, the jobs, their files, and the news of what runs. One per process."""

from __future__ import annotations

import re
from typing import BinaryIO, cast

from flask import current_app
from redis.exceptions import RedisError

from jobkit.artifacts import Artifact, ArtifactStore, FolderStore
from jobkit.catalog import CatalogReader, TaskSpec
from jobkit.jobs import Job, Jobs, Retention, new_job_id
from jobkit.redis import connect_briefly
from web.forms import Arguments
from web.settings import WebSettings
from web.stream import EventStreams
from web.wakeups import Wakeups


class Desk:
    def __init__(self, settings: WebSettings):
        self.settings = settings
        url = settings.redis_url.get_secret_value()
        self.redis = connect_briefly(url)
        self.catalog = CatalogReader(self.redis)
        self.jobs = Jobs(self.redis, settings.queues)
        self.artifacts: ArtifactStore = FolderStore(settings.data_dir / "artifacts")
        self.wakeups = Wakeups(url)
        self.streams = EventStreams(
            self.redis,
            self.jobs,
            self.wakeups,
            most=settings.max_event_streams,
            most_per_client=settings.max_event_streams_per_client,
        )
        self._retention = Retention(settings.result_ttl, settings.failure_ttl)

    def submit(self, spec: TaskSpec, arguments: Arguments) -> Job:
        """Store the uploads, then put the job on its queue. `arguments` are checked already."""
        job_id = new_job_id()
        values = dict(arguments.values)
        try:
            for name, upload in arguments.uploads.items():
                extensions = spec.file_parameters[name].get("extensions") or [""]
                stored = f"input-{name}{extensions[0]}"
                size = self.artifacts.save(job_id, stored, cast(BinaryIO, upload.stream))
                values[name] = vars(Artifact(stored, upload.mimetype, size, _last_part(upload.filename or "")))
            return self.jobs.submit(spec, values, self._retention, job_id=job_id)
        except RedisError:
            raise  # the job may be there, though its answer was lost: if it is not, the sweep removes its files
        except Exception:
            self.artifacts.delete(job_id)
            raise


def _last_part(filename: str) -> str:
    """The name of an uploaded file, for people to read: some browsers send a path."""
    return re.split(r"[/\\]", filename)[-1][:200]


def desk() -> Desk:
    """The desk of the application that handles this request."""
    return cast(Desk, current_app.extensions["desk"])
