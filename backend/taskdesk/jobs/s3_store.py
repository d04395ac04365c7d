"""The store in a bucket of S3, or of a server that speaks its protocol: `<prefix>/<last two of the id>/<id>/<name>`.

obstore runs threads of its own, which a fork does not copy: no call here may happen in a process that forks another one
which then uses the store. So the first call of each process makes its client.
"""

from __future__ import annotations

import logging
import os
import re
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from functools import cached_property
from io import SEEK_END
from pathlib import Path
from typing import IO, Any, BinaryIO, cast

import obstore
from obstore.exceptions import BaseError
from obstore.store import S3Store as Bucket

from taskdesk.jobs.artifacts import (
    OCTET_STREAM,
    Disk,
    clean_filename,
    clean_media_type,
    content_disposition,
    place_of_file,
    place_of_job,
)
from taskdesk.jobs.errors import ArtifactNotFound, StoreUnavailable
from taskdesk.jobs.job_id import is_job_id
from taskdesk.service.object_store import Place
from taskdesk.service.settings import SharedSettings

LINK_SECONDS = 300  # that an address of a file is valid
RETRIES, RETRY_SECONDS = 3, 10  # of a request that fails for a passing reason
CONNECT_SECONDS, ANSWER_SECONDS = 5, 60
PART_BYTES, PARTS = 8 << 20, 4  # of a large file: so many parts are sent at the same time
_CODE = re.compile(r"<Code>(\w+)</Code>")
_FULL = {"QuotaExceeded", "InsufficientStorage", "XMinioStorageFull", "EntityTooLarge", "ServiceQuotaExceeded"}
_WRONG_KEYS = {"InvalidAccessKeyId", "SignatureDoesNotMatch", "ExpiredToken", "InvalidToken", "AuthFailure"}

log = logging.getLogger("artifacts")
Apart = Callable[..., Any]  # calls a function with arguments, where it holds up nobody


def call(work: Callable[..., Any], *arguments: Any) -> Any:
    return work(*arguments)


class S3Store:
    def __init__(self, place: Place, settings: SharedSettings, apart: Apart = call):
        self._place = place
        self._settings = settings
        self._apart = apart

    @cached_property
    def bucket(self) -> Bucket:
        """Raises GenericError, of obstore, if it can't be used whatever the server says."""
        settings, given = self._settings, {}
        if settings.aws_access_key_id:
            given = {
                "access_key_id": settings.aws_access_key_id,
                "secret_access_key": settings.aws_secret_access_key.get_secret_value(),
                "token": settings.aws_session_token.get_secret_value(),
            }
        if settings.aws_endpoint_url:
            given["endpoint"] = settings.aws_endpoint_url.rstrip("/")
        return Bucket(
            self._place.bucket,
            prefix=self._place.prefix or None,
            config=cast(
                Any, {"region": settings.aws_region, **{name: value for name, value in given.items() if value}}
            ),
            client_options={
                "allow_http": settings.aws_endpoint_url.startswith("http://"),
                "connect_timeout": timedelta(seconds=CONNECT_SECONDS),
                "timeout": timedelta(seconds=ANSWER_SECONDS),
            },
            retry_config={"max_retries": RETRIES, "retry_timeout": timedelta(seconds=RETRY_SECONDS)},
        )

    def save(self, job_id: str, name: str, content: BinaryIO, filename: str = "", media_type: str = "") -> int:
        key = place_of_file(job_id, name)
        size = content.seek(0, SEEK_END)
        content.seek(0)
        attributes = {
            "Content-Type": clean_media_type(media_type or OCTET_STREAM),
            "Content-Disposition": content_disposition("attachment", clean_filename(filename) or name),
        }

        def put() -> None:
            obstore.put(self.bucket, key, content, attributes=attributes, chunk_size=PART_BYTES, max_concurrency=PARTS)

        with app_errors():
            self._apart(put)
        return size

    def check_room(self, size: int) -> None:
        """Do nothing: only the server knows, and it says so when a file is saved."""

    def disk(self) -> Disk | None:
        return None

    def link(self, job_id: str, name: str, method: str) -> str:
        def sign(key: str) -> str:
            obstore.head(self.bucket, key)
            return obstore.sign(self.bucket, cast(Any, method), key, timedelta(seconds=LINK_SECONDS))

        with app_errors(job_id, name):
            return str(self._apart(sign, _key(job_id, name)))

    def open(self, job_id: str, name: str) -> BinaryIO:
        """Copy the file into a temporary one, which has the time of the object."""
        file = tempfile.TemporaryFile()  # noqa: SIM115  # the caller closes it
        try:
            self._fetch(job_id, name, file)
        except BaseException:
            file.close()
            raise
        file.seek(0)
        return cast(BinaryIO, file)

    def head(self, job_id: str, name: str, size: int) -> bytes:
        def get(key: str) -> bytes:
            chunks = obstore.get(self.bucket, key).stream(min_chunk_size=size)  # a range of an empty file is refused
            return next((bytes(chunk)[:size] for chunk in chunks), b"")

        with app_errors(job_id, name):
            return cast(bytes, self._apart(get, _key(job_id, name)))

    def local_path(self, job_id: str, name: str) -> Path:
        """Copy the file into a folder for temporary files, which belongs to the job that runs."""
        _key(job_id, name)  # else the name could lead out of the folder
        path = Path(tempfile.mkdtemp(), name)
        with path.open("wb") as file:
            self._fetch(job_id, name, file)
        return path

    def _fetch(self, job_id: str, name: str, file: IO[bytes]) -> None:
        def fetch(key: str) -> None:
            found = obstore.get(self.bucket, key)
            for chunk in found.stream(min_chunk_size=1 << 20):
                file.write(chunk)
            file.flush()
            changed = found.meta["last_modified"].timestamp()
            os.utime(file.fileno(), (changed, changed))

        with app_errors(job_id, name):
            self._apart(fetch, _key(job_id, name))

    def remove(self, job_id: str, name: str) -> None:
        """Remove a file of a job, if it exists. If the server does not answer, it stays until the sweep."""
        self._delete([place_of_file(job_id, name)])

    def delete(self, job_id: str) -> None:
        """Remove all files of a job. If the server does not answer, they stay until the sweep."""
        try:
            with app_errors():
                found = self._apart(lambda prefix: [one["path"] for one in self._objects(prefix)], place_of_job(job_id))
        except StoreUnavailable:
            return
        self._delete(found)

    def _delete(self, keys: list[str]) -> None:
        try:
            with app_errors():
                self._apart(lambda: obstore.delete(self.bucket, keys) if keys else None)
        except (StoreUnavailable, FileNotFoundError):
            return

    def job_ids(self) -> Iterator[tuple[str, float]]:
        """Yield each job that has files, with the seconds since its newest file was stored."""
        now, last, newest = time.time(), "", 0.0
        with app_errors():
            for one in self._objects(""):
                job_id, stored = _job_of(one["path"]), one["last_modified"].timestamp()
                if job_id != last and last:
                    yield last, now - newest
                newest = stored if job_id != last else max(newest, stored)
                last = job_id
        if last:
            yield last, now - newest

    def _objects(self, prefix: str) -> Iterator[Any]:
        for objects in obstore.list(self.bucket, prefix or None):
            yield from objects


def _key(job_id: str, name: str) -> str:
    try:
        return place_of_file(job_id, name)
    except ValueError:
        raise ArtifactNotFound(job_id, name) from None


def _job_of(key: str) -> str:
    """Return the id of the job whose file this is; empty if it is no file of ours."""
    parts = key.split("/")
    is_ours = len(parts) == 3 and is_job_id(parts[1]) and parts[1].endswith(parts[0])
    return parts[1] if is_ours else ""


@contextmanager
def app_errors(job_id: str = "", name: str = "") -> Iterator[None]:
    """Turn the errors of obstore into StoreUnavailable, and that of an object which is not there into
    ArtifactNotFound.
    """
    try:
        yield
    except (BaseError, FileNotFoundError, PermissionError) as error:
        code = code_of(error)
        if isinstance(error, FileNotFoundError) and code in ("", "NoSuchKey") and name:
            raise ArtifactNotFound(job_id, name) from None
        log.warning("the store of the files: %s", str(error).partition("\n\n")[0])
        raise StoreUnavailable(sentence_of(code)) from None


def code_of(error: BaseException) -> str:
    """Return the server's code of an error, such as AccessDenied; empty if it gave none."""
    found = _CODE.search(str(error))
    return found[1] if found else ""


def sentence_of(code: str) -> str:
    if code in _FULL:
        return f"The store of the files is full ({code}). Try again later. An operator makes room by deleting jobs."
    if code:
        return f"The store of the files refuses this ({code}). An operator has to look at ARTIFACTS and its keys."
    return "The store of the files can't be reached at the moment. Try again shortly."
