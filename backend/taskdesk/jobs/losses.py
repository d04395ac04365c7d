"""The answer to "why was my job lost?": a row for each cause that ends an attempt from outside its function.

The job's page and the API show the sentence as the error; the worker that settles the job logs it. The page adds the
hint. The name is an anchor in docs/worker.md, which the log line names.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace

MAX_LOSSES = 3  # worker processes that one job may cost

_RUN_AGAIN = (
    "Run it again; a task with @task(retries=1) is tried again by itself. "
    "The log of the worker may say why its process died."
)


@dataclass(frozen=True)
class Loss:
    """A cause. `type` and `title` are those of the API's error; several causes may share them."""

    name: str
    sentence: str
    type: str = "WorkerLost"
    title: str = "Worker lost"
    hint: str = _RUN_AGAIN

    def __call__(self, **values: object) -> Loss:
        """Return the cause of one job: the sentence has these values."""
        return replace(self, sentence=self.sentence.format(**values))

    @property
    def error(self) -> dict[str, str]:
        return {"type": self.type, "title": self.title, "detail": self.sentence}

    @property
    def anchor(self) -> str:
        return f"docs/worker.md#{self.name}"

    def matches(self, sentence: str) -> bool:
        pattern = ".+".join(map(re.escape, re.split(r"\{.+?\}", self.sentence)))
        return bool(re.fullmatch(pattern, sentence, re.DOTALL))


# The process of the job, which is the worker's child
PROCESS_KILLED = Loss(
    "process-killed", "The process that ran the job was killed (signal 9). Perhaps there was not enough memory."
)
PROCESS_CRASHED = Loss("process-crashed", "The process that ran the job died of signal {number} ({signal}).")
PROCESS_EXITED = Loss("process-exited", "The process that ran the job ended with exit status {status}.")
PROCESS_HUNG = Loss(
    "process-hung",
    "The process that ran the job stopped responding after the function had ended, and its result is lost.",
)
KILL_COMMAND = Loss("kill-command", "The process that ran the job was killed by the command kill-horse.")
# Its worker
WORKER_LOST = Loss("worker-lost", "The worker that ran the job was lost.")
TAKEN_AWAY = Loss("taken-away", "The job was deleted or given to another worker while it ran.")
POISON = Loss(
    "poison",
    f"The job lost its worker {MAX_LOSSES} times, and is not tried again.",
    type="Poison",
    hint="Find out what ends its worker, such as too little memory or a crash in C code, before it runs again.",
)
WORKER_STOPPED = Loss(
    "worker-stopped",
    "The worker was stopped while the job ran, which is to run at most once.",
    type="WorkerStopped",
    title="Worker stopped",
    hint="Find out what it has done, and run it again if that does no harm.",
)
# A limit, or the request of a user
TIME_LIMIT = Loss(
    "time-limit",
    "The job ran longer than its limit of {seconds:g} s.",
    type="Timeout",
    title="Time limit",
    hint="If it needs longer, give its task more time: @task(timeout=…), or JOB_TIMEOUT for all tasks.",
)
STOPPED = Loss("stopped", "The job was stopped.", type="Stopped", title="Stopped", hint="")
NOT_SERVED = Loss(
    "not-served",
    "No worker could run the job within {seconds:,} s (FOREIGN_TTL). {reason}",
    type="NotServed",
    title="No worker",
    hint="Start a worker whose tasks package has this task, and run the job again.",
)

CAUSES = (
    *(PROCESS_KILLED, PROCESS_CRASHED, PROCESS_EXITED, PROCESS_HUNG, KILL_COMMAND),
    *(WORKER_LOST, TAKEN_AWAY, POISON, WORKER_STOPPED),
    *(TIME_LIMIT, STOPPED, NOT_SERVED),
)


def loss_of(error: Mapping[str, str]) -> Loss | None:
    """Return the row of an error, as the API tells it; None if the function itself has failed.

    A sentence of an earlier version has the first row of its type.
    """
    rows = [loss for loss in CAUSES if (loss.type, loss.title) == (error["type"], error["title"])]
    return next((loss for loss in rows if loss.matches(error["detail"])), rows[0] if rows else None)


def log_text(error: Mapping[str, str]) -> str:
    """Return what a log line says about an error: its sentence, and where the docs explain it."""
    loss = loss_of(error)
    return f"{error['detail']} See {loss.anchor}." if loss else error["detail"]
