"""Alerts in Redis: the rules that were made on the desk, what fires, and what is silenced. outbox.py has the messages.

ALERTS is a hash: `version` counts changes, `evaluated` is when the rules were last evaluated, and each subject of a
rule that fires has a field of its own. It is bounded (states.MAX_SUBJECTS per rule), and expires after 30 days without
an evaluation.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from pydantic import ValidationError
from redis import Redis

from taskdesk.jobs.alerts.message import Message
from taskdesk.jobs.alerts.rules import NamedRule, Rule
from taskdesk.jobs.alerts.scripts import APPLY
from taskdesk.jobs.alerts.states import Change, State, States
from taskdesk.jobs.damage import DAMAGE, number_or_zero
from taskdesk.jobs.keys import ALERTS, ALERTS_RULES, ALERTS_SILENCES
from taskdesk.jobs.scripts import ALWAYS_RUN


@dataclass(frozen=True)
class Silence:
    """No messages of a rule until then (Unix seconds). `by`: the user who wants it."""

    until: float
    by: str
    reason: str = ""


@dataclass(frozen=True)
class Snapshot:
    """All of it at one moment. `states`: by rule, then by subject; `silences`: by rule, also those that are over."""

    version: str = "0"
    evaluated_at: float = 0
    states: Mapping[str, States] = field(default_factory=dict)
    rules: tuple[NamedRule, ...] = ()
    silences: Mapping[str, Silence] = field(default_factory=dict)

    def is_silenced(self, rule: str, now: float) -> bool:
        silence = self.silences.get(rule)
        return silence is not None and silence.until > now


class AlertStore:
    def __init__(self, redis: Redis):
        self._redis = redis

    def read(self) -> Snapshot:
        with self._redis.pipeline(transaction=False) as pipeline:
            pipeline.hgetall(ALERTS).hgetall(ALERTS_RULES).hgetall(ALERTS_SILENCES)
            stored, rules, silences = pipeline.execute()
        return Snapshot(
            stored.get(b"version", b"0").decode(errors="replace"),
            number_or_zero(stored.get(b"evaluated")),
            _states(stored),
            tuple(sorted(_rules(rules), key=lambda one: one.name)),
            dict(_silences(silences)),
        )

    def apply(
        self,
        snapshot: Snapshot,
        now: float,
        changes: Mapping[str, Change],
        forgotten: Iterable[str],
        messages: Iterable[tuple[str, Message]],
    ) -> bool:
        """Store the changes by rule, forget rules, and put the messages on their way to their channels, in one step.

        Return False, and do nothing, if another evaluator has changed anything since the snapshot.
        """
        document: dict[str, Any] = {"set": {}, "forget": [], "send": []}
        for rule, change in changes.items():
            before = snapshot.states.get(rule, {})
            for subject, state in change.states.items():
                if before.get(subject) != state:
                    document["set"][_field(rule, subject)] = state.dump()
            document["forget"] += [_field(rule, subject) for subject in before if subject not in change.states]
        document["forget"] += [_field(rule, subject) for rule in forgotten for subject in snapshot.states[rule]]
        document["send"] = [(message.id, channel, message.dump()) for channel, message in messages]
        return bool(APPLY(self._redis, snapshot.version, now, json.dumps(document)))

    # Rules and silences

    def put_rule(self, name: str, rule: Rule) -> None:
        ALWAYS_RUN(self._redis, "HSET", ALERTS_RULES, name, rule.model_dump_json(exclude_none=True))

    def delete_rule(self, name: str) -> bool:
        """Return False if there is no such rule."""
        self._redis.hdel(ALERTS_SILENCES, name)
        return bool(self._redis.hdel(ALERTS_RULES, name))

    def silence(self, name: str, silence: Silence) -> None:
        ALWAYS_RUN(self._redis, "HSET", ALERTS_SILENCES, name, json.dumps(asdict(silence)))

    def end_silence(self, name: str) -> None:
        self._redis.hdel(ALERTS_SILENCES, name)


def _field(rule: str, subject: str) -> str:
    return f"{rule}\n{subject}"


def _states(stored: Mapping[bytes, bytes]) -> dict[str, dict[str, State]]:
    states: dict[str, dict[str, State]] = {}
    for key, text in stored.items():
        rule, separator, subject = key.decode(errors="replace").partition("\n")
        if separator:
            try:
                states.setdefault(rule, {})[subject] = State.load(text)
            except DAMAGE:  # damaged: it begins anew
                continue
    return states


def _rules(stored: Mapping[bytes, bytes]) -> Iterable[NamedRule]:
    for name, text in stored.items():
        try:
            yield NamedRule(name.decode(), Rule.model_validate_json(text), "desk")
        except (ValidationError, UnicodeDecodeError):  # of a newer version, or damaged
            continue


def _silences(stored: Mapping[bytes, bytes]) -> Iterable[tuple[str, Silence]]:
    for name, text in stored.items():
        try:
            yield name.decode(), Silence(**json.loads(text))
        except DAMAGE:
            continue
