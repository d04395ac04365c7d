"""A task that runs what a test gives it."""

from typing import Any


def runs(code: str) -> Any:
    """Run Python code, and return its variable `result`."""
    names: dict[str, Any] = {"__name__": "tests.sample_tasks.script"}
    exec(code, names)
    return names.get("result")
