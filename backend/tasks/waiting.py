"""Tasks that wait: they show what a running job looks like."""

import random
import time
from datetime import UTC, datetime
from typing import Annotated

from pydantic import Field

from taskdesk import progress


def simple_task(
    task_arg: Annotated[str, Field(description="The text to give back.")],
    seconds: Annotated[int, Field(ge=0, le=3600, description="How long to wait, in seconds.")] = 60,
) -> str:
    """Wait, then give the text back with a prefix.

    The smallest task that shows progress: use it to see that a worker is alive.
    """
    for second in range(seconds):
        time.sleep(1)
        progress(second + 1, seconds)
    return f"prefix___{task_arg}"


def heavy_task(
    sleep_time: Annotated[
        float | None, Field(ge=0, le=60, description="Seconds to sleep. Empty: 1, 2 or 3, by chance.")
    ] = None,
) -> str:
    """Sleep for a moment, then say for how long.

    It stands for any work that takes too long for a web request.
    """
    seconds = random.randint(1, 3) if sleep_time is None else sleep_time
    time.sleep(seconds)
    return f"This task took {seconds:g} seconds."


def wait_task(
    sleep_time: Annotated[int, Field(ge=0, le=3600, description="How long to wait, in seconds.")] = 5,
) -> str:
    """Wait, then tell the time.

    The answer is the moment at which the waiting ended: date and time in UTC, as ISO 8601.
    """
    for second in range(sleep_time):
        time.sleep(1)
        progress(second + 1, sleep_time)
    return datetime.now(UTC).isoformat()
