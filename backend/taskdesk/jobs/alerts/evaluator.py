"""Evaluate the rules every few seconds, by one worker or web process at a time.

A short lock in Redis keeps the others from doing the same work. It is no fence: two may evaluate at once all the same,
and then the script that stores the outcome (lua/apply.lua) lets one of them through. Nothing is done without a channel.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Iterator, Sequence

from redis import Redis

from taskdesk.jobs.alerts.facts import Facts
from taskdesk.jobs.alerts.file import AlertsFile
from taskdesk.jobs.alerts.message import MAX_TITLE, Event, Message, clean, first_lines
from taskdesk.jobs.alerts.rules import NamedRule, Rule
from taskdesk.jobs.alerts.signals import Signal, signals_of
from taskdesk.jobs.alerts.states import Change, State, follow
from taskdesk.jobs.alerts.store import AlertStore, Snapshot
from taskdesk.jobs.catalog_reader import CatalogReader
from taskdesk.jobs.keys import ALERTS_LOCK
from taskdesk.jobs.scripts import ALWAYS_RUN
from taskdesk.service import clock

EVALUATE_SECONDS = 5.0


class Evaluator:
    def __init__(self, redis: Redis, catalog: CatalogReader, file: AlertsFile):
        self._redis = redis
        self._catalog = catalog
        self._file = file
        self._store = AlertStore(redis)
        self._next = 0.0

    def do_if_due(self) -> bool:
        """Evaluate, unless somebody has just done so; return True if this has. Raises RedisError."""
        if not self._file.channels or time.monotonic() < self._next:
            return False
        self._next = time.monotonic() + EVALUATE_SECONDS
        milliseconds = int(EVALUATE_SECONDS * 1000) - 100
        if not ALWAYS_RUN(self._redis, "SET", ALERTS_LOCK, "1", "NX", "PX", milliseconds):
            return False
        self.evaluate()
        return True

    def evaluate(self) -> bool:
        """Return False if another evaluator was faster. Raises RedisError."""
        snapshot, now = self._store.read(), clock.sync(self._redis)
        rules = all_rules(self._file, snapshot, self._catalog)
        named = [one.rule.queue for one in rules if one.rule.queue]
        facts = Facts(self._redis, self._catalog, now, snapshot.evaluated_at, named)
        changes = {one.name: _change(one, facts, snapshot) for one in rules}
        messages = [message for one in rules for message in self._messages(one, changes[one.name], now)]
        gone = [name for name in snapshot.states if name not in changes]
        return self._store.apply(snapshot, now, changes, gone, messages)

    def _messages(self, named: NamedRule, change: Change, now: float) -> Iterator[tuple[str, Message]]:
        """Yield what to send: one message for all that has begun to fire, and one for all that is over, per channel."""
        for channel in dict.fromkeys(named.rule.channels):
            if channel in self._file.channels:
                if change.fired:
                    yield channel, _fired(named, change.fired, change.more, now)
                if change.recovered:
                    yield channel, _recovered(named, change.recovered, now)


def all_rules(file: AlertsFile, snapshot: Snapshot, catalog: CatalogReader) -> list[NamedRule]:
    """Return the rules of the file, of the desk, and those of `@task(notify=…)`. A name of the file wins."""
    tasks = sorted(catalog.read_or_cached().tasks.items())
    notify = [_rule_of_task(name, spec.notify) for name, spec in tasks if spec.notify]
    rules = {one.name: one for one in (*notify, *snapshot.rules, *file.rules)}
    return list(rules.values())


def _rule_of_task(task: str, channel: str) -> NamedRule:
    """`channel` is checked where the task is declared. No other rule has a colon in its name."""
    return NamedRule(f"task:{task}", Rule(when="first-failure", channels=(channel,), task=task), "task")


def _change(named: NamedRule, facts: Facts, snapshot: Snapshot) -> Change:
    return follow(
        snapshot.states.get(named.name, {}),
        signals_of(named.rule, facts),
        facts.now,
        named.rule.recovers_after,
        is_silenced=snapshot.is_silenced(named.name, facts.now),
    )


def _fired(named: NamedRule, signals: Sequence[Signal], more: int, now: float) -> Message:
    if len(signals) == 1 and not more:
        [one] = signals
        return _message(named, Event.FIRED, one.title, one.lines, one.path, now)
    lines, total = [one.title for one in signals], len(signals) + more
    return _message(named, Event.FIRED, f"{named.rule.kind.title}: {total:,} alerts", lines, "/alerts", now, more)


def _recovered(named: NamedRule, states: Sequence[State], now: float) -> Message:
    if len(states) == 1:
        [one] = states
        return _message(named, Event.RECOVERED, one.title, [_lasted(one)], one.path, now)
    title = f"{named.rule.kind.title}: {len(states):,} alerts"
    return _message(named, Event.RECOVERED, title, [one.title for one in states], "/alerts", now)


def _lasted(state: State) -> str:
    minutes = (state.last - state.since) / 60
    return f"It lasted {minutes:,.0f} min." if minutes >= 1 else "It lasted less than a minute."


def _message(
    named: NamedRule, event: Event, title: str, lines: Sequence[str], path: str, now: float, more: int = 0
) -> Message:
    return Message(
        uuid.uuid4().hex,
        event,
        named.name,
        named.rule.when,
        clean(title, MAX_TITLE),
        first_lines(lines, more),
        path,
        now,
    )


def message_for_test(channel: str) -> Message:
    """Return the message that the test of a channel sends."""
    lines = ("Alerts of Taskdesk reach this channel.",)
    title = f"This is a test of the channel {channel}"
    return Message(uuid.uuid4().hex, Event.TEST, "", "test", title, lines, "/alerts", clock.now())
