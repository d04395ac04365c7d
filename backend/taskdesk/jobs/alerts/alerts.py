"""What people do with alerts, whether by page, API or command line: look, make and delete rules, silence, test."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from pydantic import ValidationError
from redis import Redis

from taskdesk.jobs.alerts.channels import IS_NAME
from taskdesk.jobs.alerts.evaluator import all_rules, message_for_test
from taskdesk.jobs.alerts.file import AlertsFile, faults_of
from taskdesk.jobs.alerts.message import Message
from taskdesk.jobs.alerts.outbox import Outbox, SentMessage
from taskdesk.jobs.alerts.rules import MAX_RULES, MAX_SECONDS, NamedRule, Rule
from taskdesk.jobs.alerts.store import AlertStore, Silence
from taskdesk.jobs.catalog_reader import CatalogReader
from taskdesk.jobs.errors import FieldError, InvalidArguments
from taskdesk.service import clock
from taskdesk.service.errors import AppError


class RuleNotFound(AppError):
    """Unknown rule: no rule of alerts has this name."""

    status = 404

    def __init__(self, name: str):
        super().__init__(f"There is no rule {name!r}.")


class ChannelNotFound(AppError):
    """Unknown channel: ALERTS_FILE has no usable channel of this name."""

    status = 404

    def __init__(self, name: str):
        super().__init__(f"ALERTS_FILE has no usable channel {name!r}.")


class MessageNotFound(AppError):
    """Unknown message: it was never sent, or a week ago."""

    status = 404

    def __init__(self, message_id: str):
        super().__init__(f"There is no message {message_id!r}.")


class FixedRule(AppError):
    """Fixed rule: it stands in ALERTS_FILE or at a task, or there are too many."""

    status = 409


@dataclass(frozen=True)
class Firing:
    """An alert that fires, or holds and does so soon: `fired_at` is None until then."""

    rule: str
    title: str
    path: str
    since: datetime
    fired_at: datetime | None
    is_notified: bool


@dataclass(frozen=True)
class RuleState:
    """A rule, how many alerts of it fire, and its silence, if there is one now. `fault`: why it can notify nobody."""

    named: NamedRule
    firing: int
    silence: Silence | None
    fault: str

    @property
    def silence_ends(self) -> datetime | None:
        return _moment(self.silence.until) if self.silence else None


@dataclass(frozen=True)
class Overview:
    firing: list[Firing]
    rules: list[RuleState]
    evaluated_at: datetime | None


class Alerts:
    def __init__(self, redis: Redis, catalog: CatalogReader, file: AlertsFile):
        self.file = file
        self.outbox = Outbox(redis)
        self._redis = redis
        self._catalog = catalog
        self._store = AlertStore(redis)

    def overview(self) -> Overview:
        snapshot, now = self._store.read(), clock.sync(self._redis)
        rules = all_rules(self.file, snapshot, self._catalog)
        firing = [
            Firing(
                name,
                one.title,
                one.path,
                _moment(one.since),
                None if one.fired is None else _moment(one.fired),
                one.is_notified,
            )
            for name, states in snapshot.states.items()
            for one in states.values()
        ]
        counts = {
            name: sum(one.rule == name and one.fired_at is not None for one in firing) for name in snapshot.states
        }
        states = [
            RuleState(
                one,
                counts.get(one.name, 0),
                snapshot.silences[one.name] if snapshot.is_silenced(one.name, now) else None,
                self._fault(one.rule),
            )
            for one in rules
        ]
        evaluated = _moment(snapshot.evaluated_at) if snapshot.evaluated_at else None
        return Overview(sorted(firing, key=lambda one: one.since, reverse=True), states, evaluated)

    def rule(self, name: str) -> RuleState:
        """Raises RuleNotFound."""
        for state in self.overview().rules:
            if state.named.name == name:
                return state
        raise RuleNotFound(name)

    def put_rule(self, name: str, values: Mapping[str, Any]) -> bool:
        """Make or replace a rule of the desk; return True if it is new. Raises InvalidArguments, FixedRule."""
        if not IS_NAME.fullmatch(name):
            raise InvalidArguments([FieldError("/name", "Must be 1 to 64 letters (A to Z), digits, - and _.")])
        known = {one.name: one for one in all_rules(self.file, self._store.read(), self._catalog)}
        rule = self._checked(values)
        if name in known and known[name].source != "desk":
            raise FixedRule(f"The rule {name} stands in ALERTS_FILE. Change it there.")
        if name not in known and sum(one.source == "desk" for one in known.values()) >= MAX_RULES:
            raise FixedRule(f"There are {MAX_RULES} rules already. Delete one first.")
        self._store.put_rule(name, rule)
        return name not in known

    def delete_rule(self, name: str) -> None:
        """Raises RuleNotFound, FixedRule."""
        if self.rule(name).named.source != "desk":
            raise FixedRule(f"The rule {name} does not come from the desk, but from ALERTS_FILE or from its task.")
        self._store.delete_rule(name)

    def silence(self, name: str, seconds: int, by: str, reason: str = "") -> Silence:
        """Send no messages of a rule for so long. Raises RuleNotFound, InvalidArguments."""
        self.rule(name)
        if type(seconds) is not int or not 1 <= seconds <= MAX_SECONDS:
            raise InvalidArguments(
                [FieldError("/seconds", f"Must be a whole number from 1 to {MAX_SECONDS:,} (30 days).")]
            )
        if not isinstance(reason, str) or len(reason) > 200:
            raise InvalidArguments([FieldError("/reason", "Must be a text of 200 characters at most.")])
        silence = Silence(clock.sync(self._redis) + seconds, by, reason)
        self._store.silence(name, silence)
        return silence

    def end_silence(self, name: str) -> None:
        """Raises RuleNotFound."""
        self.rule(name)
        self._store.end_silence(name)

    def test(self, channel: str) -> Message:
        """Send a message to a channel, and return it. Raises ChannelNotFound."""
        clock.sync(self._redis)
        if channel not in self.file.channels:
            raise ChannelNotFound(channel)
        message = message_for_test(channel)
        self.outbox.add(channel, message)
        return message

    def message(self, message_id: str) -> SentMessage:
        """Raises MessageNotFound."""
        sent = self.outbox.get(message_id)
        if not sent:
            raise MessageNotFound(message_id)
        return sent

    def _checked(self, values: Mapping[str, Any]) -> Rule:
        """Raises InvalidArguments."""
        try:
            rule = Rule.model_validate(dict(values))
        except ValidationError as error:
            faults = faults_of(error).items()
            raise InvalidArguments([FieldError(_pointer(field), _sentence(text)) for field, text in faults]) from None
        if fault := self._fault(rule):
            raise InvalidArguments([FieldError("/channels", fault)])
        return rule

    def _fault(self, rule: Rule) -> str:
        missing = [name for name in rule.channels if name not in self.file.channels]
        known = ", ".join(self.file.channels) or "none"
        return f"There is no usable channel {missing[0]}. The channels of ALERTS_FILE: {known}." if missing else ""


def _moment(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)


def _pointer(field: str) -> str:
    return f"/{field.replace('.', '/')}" if field else ""


def _sentence(text: str) -> str:
    return f"{text[:1].upper()}{text[1:]}."
