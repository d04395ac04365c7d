"""The table of the actions on causes of failures. API, pages and command line iterate over it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from taskdesk.jobs.cause import Cause, State


@dataclass(frozen=True)
class CauseAction:
    """A row of the table: it gives a cause `state`, and is offered for causes that are in `offered_in`.

    `done`: the sentence of pages after it.
    """

    name: str
    state: State
    offered_in: Sequence[State]
    summary: str
    done: str
    role: str = "operator"  # a cause is everybody's

    @property
    def label(self) -> str:
        return self.name.capitalize()

    def fits(self, cause: Cause) -> bool:
        return cause.state in self.offered_in


_ROWS = (
    CauseAction(
        "resolve",
        State.RESOLVED,
        (State.OPEN,),
        "Hide a cause of failures until it is seen again",
        "The cause is resolved. It opens again when it is seen again.",
    ),
    CauseAction(
        "mute",
        State.MUTED,
        (State.OPEN, State.RESOLVED),
        "Hide a cause of failures, and send no alerts of it, until somebody opens it again",
        "The cause is muted. It stays hidden, and sends no alerts, until you reopen it.",
    ),
    CauseAction(
        "reopen",
        State.OPEN,
        (State.MUTED, State.RESOLVED),
        "Show a cause of failures among the open ones again",
        "The cause is open again.",
    ),
)
CAUSE_ACTIONS = {action.name: action for action in _ROWS}
