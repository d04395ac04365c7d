"""Tasks that use RQ."""

import math
from pathlib import Path
from typing import Any

from rq import Retry, get_current_job
from rq.job import Job


def asks_rq(text: str) -> dict[str, Any]:
    """Ask RQ for the running job, and note something in its meta."""
    job = get_current_job()
    job.meta["steps"] = [*job.meta.get("steps", []), text]
    job.save_meta()
    return {
        "id": job.id,
        "is a job": isinstance(job, Job),
        "status": job.get_status().value,
        "has a worker": bool(job.worker_name),
        "arguments": [*job.args, job.kwargs],
        "retries": job.retries_left,
        "queue": job.origin,
    }


def returns_retry(most: int = 1, intervals: list[int] | None = None, at_front: bool = False) -> Any:
    """Ask RQ for another attempt."""
    return Retry(max=most, interval=intervals or 0, enqueue_at_front=at_front)


def returns_retry_for_ever() -> Any:
    """Ask RQ for another attempt, however many there were."""
    return Retry(max=math.inf, interval=3600)  # type: ignore[arg-type]


def returns_retry_once(path: str) -> Any:
    """Ask RQ for another attempt, once."""
    seen = Path(path)
    if seen.exists():
        return "at last"
    seen.touch()
    return Retry(max=3)
