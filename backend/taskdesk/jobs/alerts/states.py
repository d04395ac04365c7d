"""The states of alerts (firing, notified, silenced): pure functions, without Redis (store.py reads and writes it)."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace

from taskdesk.jobs.alerts.signals import Signal
from taskdesk.jobs.cause import State as CauseState

MAX_SUBJECTS = 200  # that one rule follows; over that, a new one waits until an older one has recovered


@dataclass(frozen=True)
class State:
    """One subject of a rule, such as a cause or a queue, whose condition holds, or held a moment ago (Unix seconds).

    `since`, `last`: when the condition was first and last seen. `fired`: when it had held for long enough.
    `is_notified`: a message was sent, so that another one has to follow on recovery.
    """

    since: float
    last: float
    title: str
    path: str
    fired: float | None = None
    is_notified: bool = False

    def dump(self) -> str:
        return json.dumps(asdict(self))

    @classmethod
    def load(cls, text: bytes) -> State:
        """Raises ValueError, TypeError if it is damaged."""
        values = json.loads(text)
        values.setdefault("is_notified", values.pop("is_told", False))  # its name before the first release
        return cls(**values)


States = Mapping[str, State]  # by subject


@dataclass(frozen=True)
class Change:
    """The changes of one rule. `fired`: signals to notify about now; `recovered`: notified before, and over now."""

    states: dict[str, State] = field(default_factory=dict)
    fired: list[Signal] = field(default_factory=list)
    recovered: list[State] = field(default_factory=list)
    more: int = 0  # signals beyond MAX_SUBJECTS


def follow(states: States, signals: Sequence[Signal], now: float, window: int, *, is_silenced: bool) -> Change:
    """Return what the signals of this moment change. `window`: seconds without a signal until an alert is over."""
    change = Change()
    over = {signal.subject: signal.over for signal in signals if signal.over}
    present = {signal.subject: signal for signal in signals if not signal.over}
    for subject, state in states.items():
        if over.get(subject) == CauseState.MUTED:
            continue
        if subject not in present:
            _end_after_window(change, subject, state, now, 0 if subject in over else window, is_silenced)
    new = [subject for subject in present if subject not in states]
    room = max(0, MAX_SUBJECTS - len(states))
    left_out = {*new[room:]}
    for subject, signal in present.items():
        if subject not in left_out:
            _keep_up(change, signal, states.get(subject), now, is_silenced)
    return replace(change, more=len(left_out) if change.fired else 0)


def _keep_up(change: Change, signal: Signal, state: State | None, now: float, is_silenced: bool) -> None:
    """The condition holds: notify once, when it has held for long enough and nobody has silenced the rule."""
    state = state or State(now, signal.last, signal.title, signal.path)
    state = replace(state, last=max(state.last, signal.last), title=signal.title, path=signal.path)
    if state.fired is None and now - state.since >= signal.after:
        state = replace(state, fired=now)
    if state.fired is not None and not state.is_notified and not is_silenced:
        change.fired.append(signal)
        state = replace(state, is_notified=True)
    change.states[signal.subject] = state


def _end_after_window(change: Change, subject: str, state: State, now: float, window: int, is_silenced: bool) -> None:
    """The condition no longer holds. The alert ends after the window, and its recovery is sent if the alert was."""
    is_over = now - state.last >= window or state.fired is None
    if is_over and not (state.is_notified and is_silenced):
        if state.is_notified:
            change.recovered.append(state)
        return
    change.states[subject] = state
