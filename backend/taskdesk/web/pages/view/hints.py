"""What to do about an error that Taskdesk itself raises."""

from __future__ import annotations

from taskdesk.jobs.losses import loss_of

_HINTS = {
    "OverLimit": "If it needs more, raise the limit: @task(memory=…, cpu=…, file_size=…), or JOB_MEMORY, JOB_CPU, "
    "JOB_FILE_SIZE for all tasks.",
    "TaskRefused": "Submit it again.",
    "InvalidArguments": "The arguments of the task have changed. Run it with other input.",
}


def hint_for(error: dict[str, str] | None) -> str:
    """Return a sentence, or an empty text if there is no hint. `error` is the error object of the API."""
    if not error:
        return ""
    loss = loss_of(error)
    return loss.hint if loss else _HINTS.get(error["type"], "")
