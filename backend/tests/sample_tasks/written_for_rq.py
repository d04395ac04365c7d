"""Tasks that use RQ."""

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


def returns_retry() -> Any:
    """Ask RQ for another attempt."""
    return Retry(max=1)
