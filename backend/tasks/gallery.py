"""Every kind of parameter and of result, in one task."""

import html
import json
from datetime import UTC, date, datetime
from enum import Enum
from typing import Annotated, Any, Literal

from pydantic import Field

from taskdesk import AnyFile, File, LongText, Markdown, Picture, Table


class Color(Enum):
    """The colors that the picture may have."""

    BLUE = "blue"
    GREEN = "green"
    ORANGE = "orange"


def kinds_gallery(
    text: Annotated[str, Field(max_length=200, description="One line of text.")] = "Hello",
    long_text: Annotated[LongText, Field(description="Text of several lines.")] = "First line\nSecond line",
    code: Annotated[
        str, Field(pattern=r"^[A-Z]{2}-\d{4}$", description="Two capitals, a dash, four digits.")
    ] = "AB-1234",
    whole: Annotated[int, Field(title="Integer", description="Any whole number.")] = 7,
    bounded_whole: Annotated[
        int, Field(title="Integer from 0 to 100", ge=0, le=100, description="A number within bounds.")
    ] = 50,
    number: Annotated[float, Field(description="Any number.")] = 2.5,
    bounded_number: Annotated[
        float, Field(title="Number from 0 to below 1", ge=0, lt=1, description="A fraction.")
    ] = 0.25,
    optional_whole: Annotated[
        int | None, Field(title="Optional integer", description="A whole number, or nothing.")
    ] = None,
    flag: Annotated[bool, Field(description="Yes or no.")] = True,
    day: Annotated[date, Field(description="A day.")] = date(2026, 1, 31),
    moment: Annotated[datetime, Field(description="A day and a time.")] = datetime(2026, 1, 31, 12, 30, tzinfo=UTC),
    color: Annotated[Color, Field(description="One of an enumeration: the color of the picture.")] = Color.BLUE,
    size: Annotated[Literal["small", "medium", "large"], Field(description="One of a few words.")] = "medium",
    words: Annotated[list[str], Field(description="Any number of texts.")] = ["one", "two"],  # noqa: B006
    numbers: Annotated[list[int], Field(description="Any number of whole numbers.")] = [1, 2, 3],  # noqa: B006
    file: Annotated[AnyFile | None, Field(description="A file of any kind, or none.")] = None,
    files: Annotated[list[AnyFile], Field(max_length=5, description="Several files of any kind, or none.")] = [],  # noqa: B006
) -> dict[str, Any]:
    """Show every kind of input and every kind of result.

    Send the form as it is, or change what you like: the job gives back what it got, as text, JSON, Markdown,
    a table, a picture and a file.
    """
    got = {
        "text": text,
        "long_text": long_text,
        "code": code,
        "whole": whole,
        "bounded_whole": bounded_whole,
        "number": number,
        "bounded_number": bounded_number,
        "optional_whole": optional_whole,
        "flag": flag,
        "day": day.isoformat(),
        "moment": moment.isoformat(),
        "color": color.value,
        "size": size,
        "words": list(words),
        "numbers": list(numbers),
        "file": None if file is None else {"name": file.name, "bytes": file.stat().st_size},
        "files": [{"name": one.name, "bytes": one.stat().st_size} for one in files],
    }
    as_json = json.dumps(got, ensure_ascii=False, indent=2)
    return {
        "text": long_text,
        "json": got,
        "markdown": Markdown(
            f"**{len(got)} values** arrived, among them:\n\n- a day: {got['day']}\n- a size: {size}\n"
        ),
        "table": Table(["parameter", "value"], [[name, value] for name, value in got.items()]),
        "picture": Picture(_draw_badge(text, color).encode(), "image/svg+xml"),
        "file": File("values.json", as_json.encode(), "application/json"),
    }


def _draw_badge(text: str, color: Color) -> str:
    fill = {Color.BLUE: "#2563eb", Color.GREEN: "#15803d", Color.ORANGE: "#c2410c"}[color]
    return (
        '<svg xmlns="http://www.w3.org/2000/svg" width="320" height="64" viewBox="0 0 320 64" role="img">'
        f'<rect width="320" height="64" rx="12" fill="{fill}"/>'
        '<text x="160" y="40" fill="#ffffff" font-family="sans-serif" font-size="20" text-anchor="middle">'
        f"{html.escape(text[:24])}</text></svg>"
    )
