"""The statuses of a job: our word for each, and the words that RQ has for it in Redis."""

from __future__ import annotations

from enum import StrEnum


class Status(StrEnum):
    """A status as the API and the pages name it.

    `rq`: RQ's word for it, which is also the name of RQ's registry. RQ has a second word for two of them (`rq_words`):
    a job is "created" before it is queued, and "stopped" if it was canceled while it was running.
    """

    rq: str
    rq_words: tuple[str, ...]

    def __new__(cls, word: str, *rq_words: str) -> Status:
        status = str.__new__(cls, word)
        status._value_ = word
        status.rq, status.rq_words = rq_words[0], rq_words
        return status

    QUEUED = "queued", "queued", "created"
    RUNNING = "running", "started"
    SUCCEEDED = "succeeded", "finished"
    FAILED = "failed", "failed"
    WAITING = "waiting", "deferred", "ready_to_enqueue", "rate_limited"
    SCHEDULED = "scheduled", "scheduled"
    CANCELED = "canceled", "canceled", "stopped"


FINAL = frozenset({Status.SUCCEEDED, Status.FAILED, Status.CANCELED})
NOT_BEGUN = (Status.SCHEDULED, Status.WAITING, Status.QUEUED)
INDEXED = tuple(status for status in Status if status is not Status.RUNNING)  # running jobs stand in RQ's rq:wip
BY_RQ_WORD = {word: status for status in Status for word in status.rq_words}
# RQ's registry of each final status, by RQ's word. RQ has jobs that were stopped in its registry of failed ones.
FINAL_REGISTRY = {
    word: "failed" if word == "stopped" else status.rq for word, status in BY_RQ_WORD.items() if status in FINAL
}
FULL = "full"  # stands for RQ's word if a job could not be moved, because its new queue is full
UNREADABLE = "unreadable"  # stands for RQ's word if the key of a job holds no hash


def status_of(rq_word: bytes, foreign: bytes | None) -> Status:
    """Return our status for RQ's; `foreign`: the field `td_foreign` of the job's hash.

    RQ's scheduler holds the jobs that were handed back, so RQ's word for them is "scheduled".
    """
    status = BY_RQ_WORD.get(rq_word.decode(), Status.QUEUED)
    return Status.WAITING if foreign and status is Status.SCHEDULED else status
