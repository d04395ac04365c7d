"""Kinds of results that a task may return, besides JSON and text.

A task returns one of these, a matplotlib figure, PNG or SVG bytes, a `Path` to a file, or a dict of any of them: the
parts of the result, each shown under its name.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Table:
    """Rows of JSON values under named columns."""

    columns: Sequence[str]
    rows: Sequence[Sequence[Any]]


@dataclass(frozen=True)
class Markdown:
    """Text that the page renders as Markdown. HTML in it is shown as text."""

    text: str

    @classmethod
    def __get_pydantic_json_schema__(cls, core_schema: Any, handler: Any) -> dict[str, Any]:
        """Return the schema that the catalog shows: Redis holds only the text."""
        return {"type": "string", "contentMediaType": "text/markdown"}


@dataclass(frozen=True)
class Picture:
    """A PNG or SVG picture."""

    data: bytes
    media_type: str = "image/png"


@dataclass(frozen=True)
class File:
    """A file to download. `content`: bytes, or the path of a file of the task; `name`: its name for the user."""

    name: str
    content: bytes | Path
    media_type: str = "application/octet-stream"
