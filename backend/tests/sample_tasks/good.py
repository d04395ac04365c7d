"""Tasks that do well."""

import logging
import os
import sys
import time
from datetime import date
from enum import Enum
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, SecretStr

from taskdesk import AnyFile, CsvFile, File, Markdown, Picture, Table, current_job, progress, task, temporary_folder


class Color(Enum):
    RED = "red"
    BLUE = "blue"


def echo(text: str, times: Annotated[int, Field(ge=1, le=3, description="How often.")] = 1) -> str:
    """Give a text back."""
    return text * times


def takes_anything(value: Any = None, data: AnyFile | None = None) -> dict[str, Any]:
    """Keep a file, and take any value beside it."""
    return {"note": File("report.txt", b"twenty bytes of text", "text/plain"), "value": str(value)}


@task(queue="high", timeout=30)
def every_kind(
    color: Color = Color.RED,
    size: Literal["small", "large"] = "small",
    day: date = date(2026, 1, 2),
    numbers: list[int] = [1, 2],  # noqa: B006  (a default on the form)
    share: float = 0.5,
    sure: bool = True,
    maybe: int | None = None,
    note: Annotated[str, Field(pattern="^[a-z]*$", max_length=5)] = "abc",
) -> dict[str, Any]:
    """Take a parameter of every kind.

    And say what came.
    """
    return {
        "color": color.name,
        "size": size,
        "day": day.isoformat(),
        "numbers": sum(numbers),
        "share": share,
        "sure": sure,
        "maybe": maybe,
        "note": note,
    }


def names_a_file(name: str) -> dict[str, File]:
    """Return a file of this name twice."""
    return {"one": File(name, b"first", "text/plain"), "two": File(name, b"second", "text/plain")}


def count_bytes(data: CsvFile, other: AnyFile | None = None) -> int:
    """Count the bytes of a file."""
    return data.stat().st_size + (other.stat().st_size if other else 0)


def count_in_files(files: Annotated[list[AnyFile], Field(min_length=2)]) -> dict[str, int]:
    """Tell the sizes of several files."""
    names = current_job().filenames["files"]
    return {name: path.stat().st_size for name, path in zip(names, files, strict=True)}


def parts() -> dict[str, Any]:
    """Return every kind of result."""
    made = temporary_folder() / "made.bin"
    made.write_bytes(b"\0\1\2")
    return {
        "accuracy": 0.5,
        "text": "<b>bold</b>",
        "markdown": Markdown("# Title\n<script>alert(1)</script>"),
        "table": Table(["name", "value"], [["<i>a</i>", 1], ["b", 2.5]]),
        "picture": Picture(b"\x89PNG\r\n\x1a\n rest"),
        "drawing": b"<svg xmlns='http://www.w3.org/2000/svg'></svg>",
        "file": File("model.txt", b"content", "text/plain"),
        "path": made,
    }


def files_inside() -> dict[str, Any]:
    """Return files and a long text."""
    made = temporary_folder() / "made.txt"
    made.write_text("made")
    return {
        "out": {"a/b": [made]},
        "notes": Markdown("![[" * 50_000),
        "records": [{"name": "a", "value": 1}, {"name": "b", "more": None}],
        "fake": {"artifact": "made.txt", "media_type": "text/html", "size": 1, "filename": "x"},
    }


def returns_nothing() -> None:
    """Return nothing."""


def large() -> str:
    """Return a long text."""
    return "x" * 70_000


def talk() -> str:
    """Print, log and report progress."""
    print("printed line")
    print("error line", file=sys.stderr)
    logging.getLogger("library").warning("logged line")
    current_job().logger.info("own line")
    progress(1, 4, "a quarter")
    return f"{os.environ['AROUND_JOB']} {current_job().job_id}"


def wait_for(path: str, seconds: float = 20) -> str:
    """Wait until a file is there: a test says when this ends."""
    progress(0, 1, "waiting")
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if Path(path).exists():
            return "seen"
        time.sleep(0.02)
    return "not seen"


def recites(folder: str) -> dict[str, Any]:
    """Print the files 1, 2, … of a folder as they appear, until one is named end."""
    number = 1
    while not (Path(folder) / "end").exists():
        verse = Path(folder) / str(number)
        text = verse.read_text() if verse.exists() else ""
        if not text:  # the file may be there before its text
            time.sleep(0.02)
            continue
        print(text, end="")
        progress(number, 4, f"verse {number}")
        number += 1
    rows = [[f"row {n}", n % 7 / 4, None if n == 3 else f"=1+{n}"] for n in range(12)]
    return {
        "table": Table(["name", "value", "formula"], rows),
        "json": {"deep": {"deeper": list(range(40))}},
        "text": "done",
    }


def repeats(text: str, folder: str, fail: bool = False) -> dict[str, Any]:
    """Give a text back in every place that there is, when the folder has a file named end."""
    print(text)
    progress(1, 2, text)
    while not (Path(folder) / "end").exists():
        time.sleep(0.02)
    if fail:
        raise type(text, (Exception,), {})(text)
    return {
        text: text,
        "json": {text: [{text: text}]},
        "markdown": Markdown(f"# {text}\n[link](javascript:alert(1))"),
        "table": Table([text], [[text], [[text]]]),
        "file": File("page.html", text.encode(), "text/html"),
    }


def gives_much(kind: Literal["table", "records", "json", "text", "markdown", "parts", "files"], size: int) -> Any:
    """Return a large result of a kind."""
    folder = temporary_folder()
    for name in ("a.txt", "b.txt"):
        (folder / name).write_text("a file")
    rows = [[n, f"<i>{n}</i>", n / 4] for n in range(size)]
    records = [{"n": n, "text": text} for n, text, _ in rows]
    parts = {"score": 0.5, "table": Table(["n", "text", "share"], rows), "note": "short"}
    kinds: dict[str, Any] = {
        "table": parts["table"],
        "records": records,
        "json": {"deep": {"list": [[n, {"text": text}] for n, text, _ in rows]}, "end": 1},
        "text": "<b>" * size,
        "markdown": Markdown("# Title\n" + "*word* " * size),
        "parts": {**parts, "file": folder / "a.txt", "json": {"rows": records, "deep": [folder / "b.txt"]}},
        "files": [{"file": folder / "a.txt", "n": n} for n in range(size)],
    }
    return kinds[kind]


def gives_a_table(rows: int, columns: int) -> Table:
    """Return a table of numbers and texts."""
    names = [f"column {n}" for n in range(columns)]
    return Table(names, [[f"text {row}" if n % 3 else row + n / 7 for n in range(columns)] for row in range(rows)])


def takes_names_of_options(queue: str = "", at: int = 0, key: str = "", tags: str = "", task: str = "") -> list[Any]:
    """Have parameters that are called as options of a submit."""
    return [queue, at, key, tags, task]


def takes_a_password(password: SecretStr) -> int:
    """Count the characters of a password."""
    return len(password.get_secret_value())


def returns_what_json_has_not() -> float:
    """Return no number."""
    return float("nan")


def variable(name: str) -> str | None:
    """Return a variable of the environment."""
    return os.environ.get(name)
