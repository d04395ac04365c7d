"""The outcome of an action in words, for the page of a job and for the list."""

from __future__ import annotations

import re

from taskdesk.jobs.actions import ACTIONS
from taskdesk.jobs.job import Job

DONE_PARAMETER = "done"  # in the query of the list: what was done, as "cancel.canceled-12.skipped-1"
MADE_PARAMETER = "made"  # in the same query: the id of the request that has made new jobs
_COUNTED = re.compile(r"(\w+)-([0-9]{1,9})")


def notice(job: Job, done: str) -> str:
    """Return a sentence for the action that was done, if the job shows it: anybody can write an address."""
    return ACTIONS[done].notice(job) if done in ACTIONS else ""


def done_in_words(done: str) -> str:
    """Return the outcomes in words: "1,230 deleted, 4 running or gone already."; empty if nothing was done."""
    name, _, outcomes = done.partition(".")
    action = ACTIONS.get(name)
    if action is None:
        return ""
    if not outcomes:
        return "No job was chosen."
    words = {effect.word: effect.many for effect in action.effects.values()}
    words |= {"refused": "refused for lack of room; try again later", "skipped": action.skipped}
    counts = [f"{int(count):,} {words[word]}" for word, count in _COUNTED.findall(outcomes) if word in words]
    return f"{', '.join(counts)}." if counts else ""
