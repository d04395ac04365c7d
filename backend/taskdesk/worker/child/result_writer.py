"""Store what a task returns: JSON in Redis, files in the artifact store.

A value that can't be stored makes the job fail with a sentence; no placeholder ever stands for it.
"""

from __future__ import annotations

import io
import json
import sys
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

from pydantic_core import to_json
from rq import Retry

from taskdesk.jobs.artifacts import Artifact, ArtifactStore
from taskdesk.jobs.errors import UnstorableResult
from taskdesk.jobs.previews import LARGE_BYTES, as_json, preview_of
from taskdesk.jobs.results import ANY_FILE, MAX_DIGITS, File
from taskdesk.service.errors import NoRoom
from taskdesk.worker.asked_retry import RetryAsked
from taskdesk.worker.child.result_faults import find_fault
from taskdesk.worker.child.result_pass import PendingFile, ResultPass
from taskdesk.worker.child.result_values import is_plain

_encode = json.JSONEncoder(allow_nan=False, ensure_ascii=False, separators=(",", ":")).encode
_UNCHANGED = nullcontext()
_SMALL = 1 << 63  # whole numbers below it need no check of their digits


class Written(NamedTuple):
    """JSON: the value, its kinds ("text", "table", … or, for parts, name → kind) and, if it is large, its preview."""

    content: bytes
    kinds: str
    preview: bytes = b""


class ResultWriter:
    """Stores the result of one job."""

    def __init__(self, store: ArtifactStore, job_id: str, max_bytes: int):
        self._store = store
        self._job_id = job_id
        self._max_bytes = max_bytes

    def write(self, returned: Any) -> Written:
        """Store the files; return what is to be stored in Redis.

        Raises UnstorableResult, which names the files that are kept all the same. Raises NoRoom; then no file stays.
        Raises RetryAsked.
        """
        if is_plain(returned):
            return self._written(returned, "text" if type(returned) is str else "json")
        if isinstance(returned, Retry):
            raise RetryAsked(returned)
        turned = ResultPass()
        try:
            return self._write_all(turned, returned)
        except UnstorableResult as refused:
            if not refused.files:
                self._remove(turned)
            raise
        except BaseException:  # also a time limit
            self._remove(turned)
            raise

    def _write_all(self, turned: ResultPass, returned: Any) -> Written:
        value, kinds = turned.result(returned)
        for pending in turned.files:
            pending.stands.update(asdict(self._saved(pending)))
        files = [pending.stands for pending in turned.files]
        if turned.faults:
            raise UnstorableResult(str(turned.faults[0]), [*self._kept(_python_json(value)), *files])
        try:
            return self._written(value, kinds)
        except UnstorableResult as fault:
            raise UnstorableResult(fault.reason, [*fault.files, *files]) from None

    def _remove(self, turned: ResultPass) -> None:
        for pending in turned.files:
            self._store.remove(self._job_id, pending.stored)

    def _written(self, value: Any, kinds: Any) -> Written:
        with _digits():
            content = self._content(value)
            kinds_text = to_json(kinds).decode()
            if len(content) <= LARGE_BYTES:
                return Written(content, kinds_text)
            return Written(content, kinds_text, as_json(preview_of(kinds, value, len(content))))

    def _content(self, value: Any) -> bytes:
        try:
            content = _as_json(value)
        except UnstorableResult as fault:
            raise UnstorableResult(fault.reason, self._kept(_python_json(value))) from None
        if len(content) > self._max_bytes:
            raise UnstorableResult(
                f"The result is {len(content):,} bytes of JSON, over the limit of {self._max_bytes:,} "
                "(MAX_RESULT_BYTES): return a taskdesk.File instead.",
                self._kept(content),
            )
        return content

    def _kept(self, content: bytes) -> list[dict[str, Any]]:
        """Store the JSON of a refused result as a file, if there is any and the store takes it."""
        if content == b"null":
            return []
        pending = PendingFile((), "taskdesk-result.json", File("result.json", content, "application/json"), {})
        with suppress(NoRoom, UnstorableResult):
            return [asdict(self._saved(pending))]
        return []

    def _saved(self, pending: PendingFile) -> Artifact:
        file = pending.file
        media_type = file.media_type or ANY_FILE
        try:
            with _opened(file) as content:
                size = self._store.save(self._job_id, pending.stored, content, file.name, media_type)
        except OSError as error:
            raise UnstorableResult(f"The file {file.name!r} can't be stored: {error.strerror or error}.") from None
        return Artifact(pending.stored, media_type, size, file.name)


def _as_json(value: Any) -> bytes:
    """Return JSON text. Raises UnstorableResult, with the place, for what JSON can't hold: NaN, a huge integer."""
    if value is None:  # as most results of short tasks
        return b"null"
    if type(value) is int and -_SMALL < value < _SMALL:
        return b"%d" % value
    try:
        return _encode(value).encode()
    except ValueError as error:  # also UnicodeEncodeError
        raise find_fault(value) or error from None


def _python_json(value: Any) -> bytes:
    """Return the text that Python's json module reads the value from, also with NaN, infinities and all digits."""
    with _digits(0):
        return json.dumps(value).encode()


def _digits(most: int = MAX_DIGITS) -> AbstractContextManager[None]:
    """Write whole numbers of as many digits (0: any) as readers take, also if the task has changed this limit."""
    return _UNCHANGED if sys.get_int_max_str_digits() == most else _changed_digits(most)


@contextmanager
def _changed_digits(most: int) -> Iterator[None]:
    digits = sys.get_int_max_str_digits()
    sys.set_int_max_str_digits(most)
    try:
        yield
    finally:
        sys.set_int_max_str_digits(digits)


def _opened(file: File) -> BinaryIO:
    return file.content.open("rb") if isinstance(file.content, Path) else io.BytesIO(file.content)
