"""The table of the actions on causes of failures. API, pages and command line iterate over it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from taskdesk.jobs.cause import Cause, State


@dataclass(frozen=True)
class CauseAction:
    """A row of the table: it gives a cause `state`, and is offered for causes that are in `offered_in`."""

    name: str
    label: str
    summary: str
    state: State
    offered_in: Sequence[State]
    done: str  # what pages say after it
    role: str = "operator"  # a cause is everybody's

    def fits(self, cause: Cause) -> bool:
        return cause.state in self.offered_in


RESOLVE = CauseAction(
    name="resolve",
    label="Resolve",
    summary="Hide a cause of failures until it is seen again",
    state=State.RESOLVED,
    offered_in=(State.OPEN,),
    done="The cause is resolved. It opens again when it is seen again.",
)
MUTE = CauseAction(
    name="mute",
    label="Mute",
    summary="Hide a cause of failures, and send no alerts of it, until somebody opens it again",
    state=State.MUTED,
    offered_in=(State.OPEN, State.RESOLVED),
    done="The cause is muted. It stays hidden, and sends no alerts, until you reopen it.",
)
REOPEN = CauseAction(
    name="reopen",
    label="Reopen",
    summary="Show a cause of failures among the open ones again",
    state=State.OPEN,
    offered_in=(State.MUTED, State.RESOLVED),
    done="The cause is open again.",
)
CAUSE_ACTIONS = {action.name: action for action in (RESOLVE, MUTE, REOPEN)}
