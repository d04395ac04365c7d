"""What to do about an error that Taskdesk itself raises."""

from __future__ import annotations

_HINTS = {
    "Timeout": "If it needs longer, give its task more time: @task(timeout=…), or JOB_TIMEOUT for all tasks.",
    "OverLimit": "If it needs more, raise the limit: @task(memory=…, cpu=…, file_size=…), or JOB_MEMORY, JOB_CPU, "
    "JOB_FILE_SIZE for all tasks.",
    "WorkerLost": "Run it again; a task with @task(retries=1) is tried again by itself. The log of the worker may "
    "say why its process died.",
    "WorkerStopped": "Find out what it has done, and run it again if that does no harm.",
    "Poison": "Find out what ends its worker, such as too little memory or a crash in C code, before it runs again.",
    "NotServed": "Start a worker whose tasks package has this task, and run the job again.",
    "TaskRefused": "Submit it anew.",
    "InvalidArguments": "The task takes other arguments than it did: run it with other input.",
}


def hint_for(error: dict[str, str] | None) -> str:
    """Return a sentence, or an empty text if there is no hint. `error` is the error object of the API."""
    return _HINTS.get(error["type"], "") if error else ""
