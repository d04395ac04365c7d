"""Tasks that go wrong while they run."""

import math
import os
import signal
import time
from pathlib import Path
from typing import Any

from taskdesk import File, Table, progress, task


def raises() -> None:
    """Raise an error."""
    raise ValueError("The number <seven> is too small.")


def raises_what_it_is_given(text: str) -> None:
    """Fail, and say what was typed."""
    raise ValueError(text)


def returns_an_object() -> Any:
    """Return what is no data."""
    return object()


def returns_nan() -> float:
    """Return a number that JSON does not have."""
    return math.nan


def returns_half_a_character() -> str:
    """Return text that is none."""
    return "\ud800"


def raises_half_a_character() -> None:
    """Raise what can't be encoded."""
    raise ValueError("odd \ud800")


def returns_a_missing_file() -> Path:
    """Return a file that is not there."""
    return Path("/nowhere/at all.txt")


def returns_a_bad_name() -> File:
    """Return a file with a path for a name."""
    return File("../../escape.txt", b"x")


def returns_a_ragged_table() -> Table:
    """Return rows of different length."""
    return Table(["a", "b"], [[1]])


def returns_nan_beside_a_file() -> dict[str, Any]:
    """Return a file, and a number that JSON does not have."""
    return {"score": math.nan, "model": File("model.txt", b"model", "text/plain")}


def returns_too_much() -> str:
    """Return more than the limit."""
    return "x" * 11_000_000


def kills_itself() -> None:
    """Die without a word."""
    os.kill(os.getpid(), signal.SIGKILL)


@task(retries=1)
def fails_once(path: str) -> str:
    """Fail the first time."""
    if Path(path).exists():
        return "done"
    Path(path).touch()
    raise ValueError("the first time")


@task(retries=3)
def stumbles() -> None:
    """Get some way, and fail."""
    progress(1, 4, "connecting")
    raise ConnectionError("nobody answers")


@task(timeout=1)
def never_ends() -> None:
    """Run into the time limit."""
    while True:
        time.sleep(0.05)
