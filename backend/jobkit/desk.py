"""The desk: the catalogue, the jobs and their files in one place, for whoever takes in jobs. One per process."""

from __future__ import annotations

from redis import Redis
from redis.exceptions import RedisError

from jobkit.arguments import Arguments
from jobkit.artifacts import Artifact, ArtifactStore, FolderStore
from jobkit.catalog import CatalogReader, TaskSpec
from jobkit.job import Job, Retention
from jobkit.jobs import Jobs, new_job_id
from jobkit.settings import SharedSettings


class Desk:
    def __init__(self, settings: SharedSettings, redis: Redis):
        self.redis = redis
        self.catalog = CatalogReader(redis)
        self.jobs = Jobs(redis, settings.queues)
        self.artifacts: ArtifactStore = FolderStore(settings.data_dir / "artifacts")
        self._retention = Retention(settings.result_ttl, settings.failure_ttl)

    def submit(self, spec: TaskSpec, arguments: Arguments) -> Job:
        """Store the uploads, then put the job on its queue. `arguments` are checked already."""
        job_id = new_job_id()
        values = dict(arguments.values)
        try:
            for name, upload in arguments.uploads.items():
                extensions = spec.file_parameters[name].get("extensions") or [""]
                stored = f"input-{name}{extensions[0]}"
                size = self.artifacts.save(job_id, stored, upload.content)
                values[name] = vars(Artifact(stored, upload.media_type, size, upload.filename))
            return self.jobs.submit(spec, values, self._retention, job_id=job_id)
        except RedisError:
            raise  # the job may be there, though its answer was lost: if it is not, the sweep removes its files
        except Exception:
            self.artifacts.delete(job_id)
            raise
