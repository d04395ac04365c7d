"""The desk: catalog, jobs, queues and files in one place, for web, command line and dashboard. One per process."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from dataclasses import replace
from io import BytesIO
from itertools import chain
from typing import Any, Unpack

from redis import Redis
from redis.exceptions import NoPermissionError, RedisError

from taskdesk.jobs.arguments import Arguments, check
from taskdesk.jobs.artifacts import Artifact, UploadedFile
from taskdesk.jobs.catalog import TaskSpec
from taskdesk.jobs.catalog_reader import CatalogReader
from taskdesk.jobs.causes import Causes
from taskdesk.jobs.csv_header import HEAD_BYTES, headers_of
from taskdesk.jobs.deliveries import Deliveries
from taskdesk.jobs.errors import (
    AlreadyRetried,
    IdempotentJobGone,
    JobExpired,
    JobNotFound,
    NoTask,
    NotEnded,
    TaskNotFound,
    UnreadableInput,
    UnreadableJob,
)
from taskdesk.jobs.intake import Intake
from taskdesk.jobs.job import Job, Retention
from taskdesk.jobs.job_id import new_job_id
from taskdesk.jobs.jobs import Jobs
from taskdesk.jobs.presets import Presets
from taskdesk.jobs.queues import Queues
from taskdesk.jobs.replication import wait_for_replicas
from taskdesk.jobs.schedules.firing import Firing
from taskdesk.jobs.schedules.store import Schedules
from taskdesk.jobs.scripts import READY
from taskdesk.jobs.status import Status
from taskdesk.jobs.stores import open_store
from taskdesk.jobs.submission import Idempotency
from taskdesk.jobs.submit_options import SubmitOptions, check_submit_options
from taskdesk.jobs.uploads import store_uploads
from taskdesk.service.errors import AppError, RedisFull
from taskdesk.service.redis import JOBS_SHARE, Memory
from taskdesk.service.redis_errors import as_app_error
from taskdesk.service.settings import SharedSettings


class NotReady(AppError):
    """Not ready: no job can be submitted until an operator has acted."""

    status = 503


class Desk:
    def __init__(self, settings: SharedSettings, redis: Redis, **of_store: Any):
        """`of_store`: options of the store of the files."""
        self.redis = redis
        self.catalog = CatalogReader(redis)
        self.max_queued = settings.max_queued
        intake = Intake(redis, settings.queues, self.catalog)
        self.jobs = Jobs(redis, settings.queues, settings.max_queued, before_list=intake.look_if_alone)
        self.queues = Queues(redis, settings.queues)
        self.causes = Causes(redis)
        self.deliveries = Deliveries(redis)
        self.artifacts = open_store(settings, **of_store)
        self.presets = Presets(redis)
        self._replicas = settings.redis_wait
        self._retention = Retention(settings.result_ttl, settings.failure_ttl)
        self.schedules = Schedules(redis, self.catalog, settings.queues)
        self.firing = Firing(redis, self.jobs, self.catalog, self._retention, settings.max_queued)

    def check_ready(self) -> None:
        """Raise the error that a submit would meet: NoRoom, NotReady, RedisError."""
        try:
            READY(self.redis)
        except RedisError as error:
            if as_app_error(error):
                raise
            raise NotReady(f"Redis refuses what a submit needs: {error}") from None
        with suppress(NoPermissionError):  # without this right, a submit has no limit either
            memory = Memory.of(self.redis.info("memory"))
            if memory.is_short:
                raise RedisFull(memory.used, memory.limit, JOBS_SHARE)

    def submit(
        self,
        spec: TaskSpec,
        arguments: Arguments,
        *,
        key: str | None = None,
        form_token: str = "",
        **options: Unpack[SubmitOptions],
    ) -> Job:
        """Store the uploads, put the job on a queue and return it. `arguments` have to be checked already.

        If a request with the same `key` (Idempotency-Key) came before, return its job. A `form_token` does the same
        while the input is the same and that job exists. Raises IdempotencyKeyReused, NoRoom, NotReplicated;
        InvalidArguments for `queue` and `at`.
        """
        check_submit_options(self.queues.names, options)
        job = self._job_of(spec, arguments, key, form_token, options)
        self._confirm(job.id)
        return job

    def _job_of(
        self, spec: TaskSpec, arguments: Arguments, key: str | None, form_token: str, options: SubmitOptions
    ) -> Job:
        """Return the job that an earlier request made, or a new one."""
        idempotency = None
        if key or form_token:
            digest = digest_of(spec, arguments, options)
            idempotency = Idempotency(key or f"form {form_token} {digest}", digest, options.get("owner", ""))
            if earlier := self.jobs.earlier_ids(idempotency):
                try:
                    return self._earlier_job(idempotency, earlier[0])
                except IdempotentJobGone:
                    if key:
                        raise
                    idempotency = None  # a form that is sent again asks for a new job
        return self._put(spec, arguments, idempotency, options)

    def _put(
        self, spec: TaskSpec, arguments: Arguments, idempotency: Idempotency | None, options: SubmitOptions
    ) -> Job:
        job_id = new_job_id()
        try:
            values = {**arguments.values, **store_uploads(self.artifacts, spec, arguments, job_id)}
            job = self.jobs.submit(spec, values, self._retention, job_id=job_id, idempotency=idempotency, **options)
        except RedisError:
            raise  # the job may exist although the answer was lost; if it does not, the sweep removes its files
        except Exception:
            self.artifacts.delete(job_id)
            raise
        if job.id != job_id:  # another request with this key was faster
            self.artifacts.delete(job_id)
        return job

    def _earlier_job(self, idempotency: Idempotency, job_id: str) -> Job:
        try:
            return self.jobs.get(job_id)
        except (JobNotFound, JobExpired):
            raise IdempotentJobGone(idempotency.key, job_id) from None

    def submit_many(
        self, spec: TaskSpec, inputs: list[dict[str, Any]], *, key: str | None = None, **options: Unpack[SubmitOptions]
    ) -> list[str]:
        """Put a job for each of these inputs on a queue in one step. Return their ids. Options, errors: as `submit`."""
        check_submit_options(self.queues.names, options)
        arguments = Arguments({"inputs": inputs})
        idempotency = Idempotency(key, digest_of(spec, arguments, options), options.get("owner", "")) if key else None
        job_ids = self.jobs.submit_many(spec, inputs, self._retention, idempotency=idempotency, **options)
        self._confirm(*job_ids)
        return job_ids

    def _confirm(self, *job_ids: str) -> None:
        """With REDIS_WAIT, return when replicas have these jobs. Raises NotReplicated."""
        if self._replicas and job_ids:
            wait_for_replicas(self.redis, job_ids, self._replicas)

    def retry(self, job: Job, *, key: str | None = None, form_token: str = "", is_first: bool = False) -> Job:
        """Submit a job with the input, files, tags and queue of one that has ended. The keys are as in `submit`.

        If the settings no longer name the queue, the task's own is used. Raises as `task_of_retry`, InvalidArguments
        if the task takes other arguments by now; AlreadyRetried if it has to be the first retry of the job, and is not.
        """
        if is_first and job.retried_as:
            raise AlreadyRetried(job.id, job.retried_as)
        spec = self.task_of_retry(job)
        with ExitStack() as files:
            uploads = {name: [self.reopen(job, one, files) for one in found] for name, found in job.uploads.items()}
            values = {name: value for name, value in (job.input or {}).items() if name not in uploads}
            check(spec, values, uploads)
            queue = job.queue if job.queue in self.queues.names else None
            options: SubmitOptions = {"queue": queue, "tags": job.tags, "retry_of": job.id, "webhook": job.webhook}
            options["first_retry"] = is_first
            return self.submit(spec, Arguments(values, uploads), key=key, form_token=form_token, **options)

    def task_of_retry(self, job: Job) -> TaskSpec:
        """Return the task that a retry of the job runs.

        Raises UnreadableJob, NotEnded, UnreadableInput, TaskNotFound, NoTask.
        """
        if job.is_unreadable:
            raise UnreadableJob(job.id)
        if not job.is_final:
            raise NotEnded(job.id, job.status)
        if job.input is None:
            raise UnreadableInput(job.id, job.input_fault)
        try:
            return self.catalog.task(job.task)
        except TaskNotFound:
            if not job.is_plain:
                raise
            raise NoTask(job.id, job.task) from None

    def job(self, job_id: str) -> Job:
        """Return a job with its uploads and secrets. Raises JobNotFound, JobExpired.

        A job of an earlier version, or of plain RQ, has neither `td_uploads` nor `td_secrets`. Its task tells them.
        """
        job = self.jobs.get(job_id)
        spec = self.catalog.read_or_cached().tasks.get(job.task)
        if not spec:
            return job
        files = tuple(spec.file_parameters) if job.file_parameters is None else job.file_parameters
        return replace(
            job, input=self.named_input(job), file_parameters=files, secrets=job.secrets | spec.secret_parameters
        )

    def named_input(self, job: Job) -> dict[str, Any] | None:
        """Return the input; the task of a job of plain RQ names its positional arguments."""
        spec = self.catalog.read_or_cached().tasks.get(job.task)
        if not spec or (job.call is None and job.input is None):
            return job.input
        try:
            return spec.named(*(job.call or ((), job.input or {})))
        except TypeError:
            return None

    def files_of(self, job: Job) -> Iterator[Artifact]:
        """Yield the files of a job of `job()`: its uploads, and those of its result. Raises as `results.files`."""
        yield from chain.from_iterable(job.uploads.values())
        yield from job.kept_files
        if job.status is Status.SUCCEEDED:
            yield from self.jobs.results.files(job)

    def reopen(self, job: Job, file: Artifact, files: ExitStack) -> UploadedFile:
        """Open a file of a job's input, until `files` closes. Raises ArtifactNotFound."""
        content = files.enter_context(self.artifacts.open(job.id, file.artifact))
        return UploadedFile(file.filename, file.media_type, content)

    def columns(self, job: Job, file: Artifact) -> list[str]:
        """Return the column names of a CSV file that a job was given; an empty list if they can't be read."""
        try:
            headers = headers_of(BytesIO(self.artifacts.head(job.id, file.artifact, HEAD_BYTES)))
        except (AppError, OSError):
            return []
        return max(headers, key=len, default=[])


def digest_of(spec: TaskSpec, arguments: Arguments, options: SubmitOptions) -> str:
    """Return a digest that is the same for requests that ask for the same."""
    digests = {name: [*map(_digest, files)] for name, files in arguments.uploads.items()}
    files = {name: many if name in spec.file_lists else many[0] for name, many in digests.items()}
    queue, at, tags = options.get("queue") or spec.queue, options.get("at"), sorted(options.get("tags", ()))
    request = [spec.reference, arguments.values, files, queue, at and at.timestamp(), tags, options.get("retry_of", "")]
    request += [webhook] if (webhook := options.get("webhook")) is not None else []
    return hashlib.sha256(json.dumps(request, sort_keys=True).encode()).hexdigest()[:32]


def _digest(upload: UploadedFile) -> str:
    digest = hashlib.file_digest(upload.content, "sha256").hexdigest()  # type: ignore[arg-type]
    upload.content.seek(0)
    return digest
