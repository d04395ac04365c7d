"""Why a slot of a schedule was skipped: the words that Redis keeps, and the sentences that people read."""

from __future__ import annotations

from enum import StrEnum


class Skip(StrEnum):
    """The word in Redis; `sentence` takes the detail that the script has kept with it."""

    sentence: str

    def __new__(cls, word: str, sentence: str = "") -> Skip:
        skip = str.__new__(cls, word)
        skip._value_ = word
        skip.sentence = sentence
        return skip

    MISSED = "missed", "No worker and no web could reach Redis at that time."
    OVERLAP = "overlap", "Job {} of this schedule had not ended."
    NO_TASK = "no_task", "No worker announced the task {}."
    ARGUMENTS = "arguments", "The task no longer took the arguments. {}"


def why_skipped(word: str, detail: str) -> str:
    """Return the sentence for a word of Redis, which a newer version may have written.

    The detail of a missed slot is the sentence that the schedule showed while its slots waited.
    """
    if word == Skip.MISSED and detail:
        return detail
    try:
        return Skip(word).sentence.format(detail)
    except ValueError:
        return f"{word} {detail}".strip()
