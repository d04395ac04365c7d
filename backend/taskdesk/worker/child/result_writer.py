"""Store what a task returns: JSON in Redis, files in the artifact store.

A value that can't be stored makes the job fail with a sentence; no placeholder ever stands for it.
"""

from __future__ import annotations

import io
import json
import mimetypes
import re
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any, BinaryIO

from pydantic_core import PydanticSerializationError, to_json, to_jsonable_python

from taskdesk.jobs.artifacts import Artifact, ArtifactStore, stored_name
from taskdesk.jobs.errors import UnstorableResult
from taskdesk.jobs.results import File, Markdown, Picture, Table

_encode_strictly = json.JSONEncoder(allow_nan=False, ensure_ascii=False).encode

_FILE_LIKE = (File, Picture, Path, bytes)


class ResultWriter:
    """Stores the result of one job."""

    def __init__(self, store: ArtifactStore, job_id: str, max_bytes: int):
        self._store = store
        self._job_id = job_id
        self._max_bytes = max_bytes
        self._names: set[str] = set()

    def write(self, returned: Any) -> tuple[bytes, str]:
        """Store the files; return the value and its kinds ("text", "table", … or, for parts, name → kind) as JSON.

        Raises UnstorableResult, DiskFull; then none of the files stays.
        """
        try:
            return self._write(returned)
        except BaseException:  # a time limit, too
            for name in self._names:
                self._store.remove(self._job_id, name)
            raise

    def _write(self, returned: Any) -> tuple[bytes, str]:
        if isinstance(returned, Mapping) and any(_is_special(value) for value in returned.values()):
            parts = {str(name): self._part(str(name), value) for name, value in returned.items()}
            value: Any = {name: part[0] for name, part in parts.items()}
            kinds: Any = {name: part[1] for name, part in parts.items()}
        else:
            value, kinds = self._part("result", returned)
        content = to_json(value)
        if len(content) > self._max_bytes:
            raise UnstorableResult(
                f"The result is {len(content):,} bytes of JSON, over the limit of {self._max_bytes:,} "
                "(MAX_RESULT_BYTES): return a taskdesk.File instead."
            )
        return content, to_json(kinds).decode()

    def _part(self, label: str, value: Any) -> tuple[Any, str]:
        if value is None or type(value) in (bool, int):  # most results of short tasks
            return value, "json"
        if isinstance(value, str):
            return _as_json(label, value), "text"
        if isinstance(value, Markdown):
            return _as_json(label, value.text), "markdown"
        if isinstance(value, Table):
            return self._table(label, value), "table"
        if isinstance(value, Path):
            value = File(value.name, value, mimetypes.guess_type(value.name)[0] or "application/octet-stream")
        if isinstance(value, File):
            return self._file(value), "file"
        picture = _as_picture(value)
        if picture:
            extension = ".svg" if picture.media_type == "image/svg+xml" else ".png"
            return self._file(File(_as_filename(label) + extension, picture.data, picture.media_type)), "picture"
        if isinstance(value, bytes):
            return self._file(File(_as_filename(label) + ".bin", value)), "file"
        return _as_json(label, value), "json"

    def _table(self, label: str, table: Table) -> dict[str, Any]:
        rows = [list(row) for row in table.rows]
        if any(len(row) != len(table.columns) for row in rows):
            raise UnstorableResult(f"The table {label!r} has rows that are not as long as its list of columns.")
        content: dict[str, Any] = _as_json(label, {"columns": list(table.columns), "rows": rows})
        return content

    def _file(self, file: File) -> dict[str, Any]:
        try:
            stored = stored_name(file.name, self._names)
            with _opened(file.content) as content:
                size = self._store.save(self._job_id, stored, content)
        except FileNotFoundError:
            raise UnstorableResult(f"The task returned the file {str(file.content)!r}, which does not exist.") from None
        except ValueError as error:
            raise UnstorableResult(str(error)) from None
        except OSError as error:
            raise UnstorableResult(f"The file {file.name!r} can't be stored: {error.strerror or error}.") from None
        self._names.add(stored)
        return asdict(Artifact(stored, file.media_type, size, file.name))


def _as_filename(label: str) -> str:
    """Return a name of a file for a part of the result, whose label may be any text."""
    return re.sub(r"[^\w .-]+", "_", label)[:100].strip(" ._") or "file"


def _is_special(value: Any) -> bool:
    return isinstance(value, (Table, Markdown, *_FILE_LIKE)) or _is_figure(value)


def _is_figure(value: Any) -> bool:
    """Return True for a matplotlib figure, without importing matplotlib."""
    return hasattr(value, "savefig") and type(value).__module__.startswith("matplotlib.")


def _as_picture(value: Any) -> Picture | None:
    if isinstance(value, Picture):
        return value
    if _is_figure(value):
        png = io.BytesIO()
        value.savefig(png, format="png", bbox_inches="tight", dpi=120)
        return Picture(png.getvalue())
    if isinstance(value, bytes) and value.startswith(b"\x89PNG\r\n\x1a\n"):
        return Picture(value)
    if isinstance(value, bytes) and re.match(rb"\s*(<\?xml[^>]*>\s*)?<svg[\s>]", value):
        return Picture(value, "image/svg+xml")
    return None


def _as_json(label: str, value: Any) -> Any:
    """Return plain data, dates, enums, sets, dataclasses and pydantic models as JSON values.

    Raises UnstorableResult for a value that JSON does not have: an open file, NaN.
    """
    try:
        plain = to_jsonable_python(value, inf_nan_mode="constants", bytes_mode="base64")
        _encode_strictly(plain).encode()
    except PydanticSerializationError as error:
        raise UnstorableResult(f"The {label} can't be kept as JSON: {error}. {_REMEDY}") from None
    except UnicodeEncodeError:
        raise UnstorableResult(f"The {label} holds half of a surrogate pair, which is not valid text.") from None
    except (ValueError, RecursionError):
        raise UnstorableResult(
            f"The {label} holds NaN, an infinity or a cycle, which JSON does not have. {_REMEDY}"
        ) from None
    return plain


_REMEDY = "Return text, JSON values, or one of its kinds of results."


def _opened(content: bytes | Path) -> BinaryIO:
    return content.open("rb") if isinstance(content, Path) else io.BytesIO(content)
