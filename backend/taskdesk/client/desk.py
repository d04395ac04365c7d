"""`Desk`: what an application imports to submit jobs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from datetime import datetime
from typing import Any

from taskdesk.client.arguments import checked_arguments, one_mapping
from taskdesk.client.handle import JobHandle
from taskdesk.client.source import JobSource, RedisSource
from taskdesk.jobs.arguments import check_tags
from taskdesk.jobs.submit_options import check_key
from taskdesk.service.embedded import find_redis_url
from taskdesk.service.redis import connect_shared
from taskdesk.service.settings import SharedSettings, load


class Desk:
    """Submits jobs, and finds them again. One per process is enough: threads, greenlets and forks may share it."""

    def __init__(self, source: JobSource):
        self._source = source

    @classmethod
    def connect(cls, url: str = "") -> Desk:
        """Return a desk on this Redis; without `url`, on that of REDIS_URL or of `make run`.

        The other settings come from the environment: see README. Redis is first asked when a job is submitted, so an
        application starts without it. Raises SettingsError.
        """
        given = {"redis_url": url} if url else {}
        # These are no settings of a client, and an application may have its own variables of these names.
        settings = load(SharedSettings, **given, env="dev", sentry_dsn="", log_dir="")
        return cls(RedisSource(settings, connect_shared(find_redis_url(settings))))

    def submit(
        self,
        task: str,
        /,
        arguments: Mapping[str, Any] | None = None,
        *,
        queue: str | None = None,
        at: datetime | None = None,
        key: str | None = None,
        tags: Sequence[str] = (),
        webhook: str | None = None,
        **named: Any,
    ) -> JobHandle:
        """Submit a job that runs the task with these arguments; return it once Redis has it.

        `arguments` are for names that are options here, such as a parameter `queue`; other names may stand in either.
        A value is anything that JSON can hold: also dates, Decimal, UUID, an Enum, dataclasses and pydantic models.
        A file is a Path, bytes, or a file open in binary mode, such as Flask's `request.files["data"]`.
        Several files are a list of these.

        `queue` replaces the queue of the task. `at`, with a zone: when the job is queued. `key`: a second submit with
        the same key within a day returns the job of the first. `tags`: words to find the job by.
        `webhook`: the URL that hears of the job's end, in place of that of the task; empty for none.

        Raises TaskNotFound, InvalidArguments, IdempotencyKeyReused, NoRoom, RedisAway, NotReplicated.
        """
        spec = self._source.task(task)
        options = {"queue": queue, "at": at, "key": key, "tags": tags, "webhook": webhook}
        given = one_mapping(spec, arguments, named, options)
        check_key(key, "/key")
        with ExitStack() as files:
            checked = checked_arguments(spec, given, files)
            job = self._source.submit(
                spec, checked, key=key, queue=queue, at=at, tags=check_tags(tags), webhook=webhook
            )
        return JobHandle(self._source, job.id)

    def job(self, job_id: str) -> JobHandle:
        """Return the job of this id. Raises JobNotFound, JobExpired, RedisAway."""
        return JobHandle(self._source, self._source.job(job_id).id)
