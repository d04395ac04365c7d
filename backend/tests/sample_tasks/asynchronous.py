"""Tasks that are `async def`."""

import asyncio
from functools import wraps
from pathlib import Path
from typing import Any

from taskdesk import current_job, progress, task


async def gathers(n: int, *more: int) -> dict[str, Any]:
    """Do several things at once."""
    progress(1, 2, "half")
    doubled = await asyncio.gather(*(_doubled(one) for one in (n, *more)))
    return {"doubled": doubled, "job": current_job().job_id}


async def _doubled(n: int) -> int:
    await asyncio.sleep(0.001)
    return 2 * n


@task(timeout=1)
async def sleeps(started: str) -> None:
    """Sleep longer than it may."""
    Path(started).touch()
    await asyncio.sleep(60)


@task(timeout=60)
async def sleeps_long(started: str) -> None:
    """Sleep until it is canceled."""
    Path(started).touch()
    await asyncio.sleep(60)


async def fails_in_a_task() -> None:
    """Fail in a task of its own."""
    await asyncio.create_task(_failing())


async def _failing() -> None:
    raise ValueError("from within")


def _decorated(function: Any) -> Any:
    @wraps(function)
    def call(*args: Any, **kwargs: Any) -> Any:
        return function(*args, **kwargs)

    return call


@_decorated
async def decorated(n: int) -> int:
    """Return a number, by a decorator that is no `async def`."""
    return n


def takes_calls_of_rq(first: int, *others: int, **named: Any) -> Any:
    """Say how it was called."""
    return [first, list(others), named]
