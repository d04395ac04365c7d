"""What each kind of rule sees at one moment. facts.py has read it from Redis; a kind is a row of WATCH."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from urllib.parse import urlencode

from taskdesk.jobs.alerts.facts import Facts
from taskdesk.jobs.alerts.rules import Rule
from taskdesk.jobs.cause import Cause, State
from taskdesk.jobs.queues import Queue
from taskdesk.jobs.status import Status


@dataclass(frozen=True)
class Signal:
    """The condition of a rule holds for this subject, such as a cause, a queue or a schedule; it held until `last`.

    `after`: the seconds for which it has to hold before a message is sent. `path`: the page of the desk about it.
    `over`: "resolved" or "muted" if somebody has resolved or muted it; otherwise empty.
    """

    subject: str
    title: str
    path: str
    last: float
    lines: tuple[str, ...] = ()
    after: float = 0
    over: str = ""


def signals_of(rule: Rule, facts: Facts) -> list[Signal]:
    """Return what the rule sees now; one signal at most for a subject."""
    return list(_WATCH[rule.when](rule, facts))


def _first_failures(rule: Rule, facts: Facts) -> Iterator[Signal]:
    for cause in facts.causes(facts.since(rule.recovers_after)):
        last = cause.last_at.timestamp()
        if rule.task in (None, cause.task):
            yield Signal(
                cause.id,
                f"{cause.title or cause.type or 'Error'} in {cause.task}",
                _page("/jobs", cause=cause.id),
                last,
                tuple(_about(cause, rule)),
                over="" if cause.state is State.OPEN else cause.state,
            )


def _about(cause: Cause, rule: Rule) -> Iterator[str]:
    if cause.frame:
        yield f"In {cause.frame}"
    yield f"{_jobs(cause.count)} failed since {_time(cause.first_at)}"
    if rule.details and cause.message:
        yield cause.message


def _failures(rule: Rule, facts: Facts) -> Iterator[Signal]:
    minutes, count = rule.value("minutes"), rule.count or 1
    if rule.task:
        hours, what = [facts.last_hour_of_task(rule.task)], f" of task {rule.task}"
    else:
        hours = [queue.last_hour for queue in facts.queues if rule.queue in (None, queue.name)]
        what = f" of queue {rule.queue}" if rule.queue else ""
    failed = sum(sum(hour.failed[-minutes:]) for hour in hours)
    if failed >= count:
        title = f"At least {_jobs(count)}{what} failed within {minutes} min"
        path = _page("/jobs", status="failed", task=rule.task, queue=rule.queue)
        yield Signal("", title, path, facts.now, (f"{_jobs(failed)} failed.",))


def _lost_workers(rule: Rule, facts: Facts) -> Iterator[Signal]:
    lost = [one for one in facts.lost_workers if one.at > facts.since(rule.recovers_after)]
    if lost:
        lines = tuple(f"{one.hostname or one.name}, process {one.pid or 'unknown'}" for one in lost)
        yield Signal("", "A worker was lost", "/workers", max(one.at for one in lost), lines)


def _late_schedules(rule: Rule, facts: Facts) -> Iterator[Signal]:
    for late in facts.late_schedules:
        due = _time(datetime.fromtimestamp(late.slot, UTC))
        title = f"The schedule {late.schedule_id} is late"
        yield Signal(late.schedule_id, title, "/schedules", facts.now, (f"It was due at {due}.",))


def _waiting_queues(rule: Rule, facts: Facts) -> Iterator[Signal]:
    limit = rule.value("seconds")
    for queue in facts.queues:
        oldest = queue.oldest_at
        if rule.queue in (None, queue.name) and oldest and facts.now - oldest.timestamp() > limit:
            title = f"The oldest job of queue {queue.name} has waited for more than {limit:,} s"
            lines = (f"{_jobs(queue.jobs[Status.QUEUED])} wait.", "The queue is paused." if queue.is_paused else "")
            yield Signal(queue.name, title, "/queues", facts.now, lines)


def _without_worker(rule: Rule, facts: Facts) -> Iterator[Signal]:
    after = rule.value("seconds")
    if not rule.queue and not facts.served:
        waiting = sum(queue.jobs[Status.QUEUED] for queue in facts.queues)
        yield Signal("", "No worker is online", "/workers", facts.now, (f"{_jobs(waiting)} wait.",), after)
        return
    for queue in facts.queues:
        if queue.name not in facts.served and _is_missed(rule, queue):
            title = f"No worker serves the queue {queue.name}"
            yield Signal(
                queue.name, title, "/workers", facts.now, (f"{_jobs(queue.jobs[Status.QUEUED])} wait.",), after
            )


def _is_missed(rule: Rule, queue: Queue) -> bool:
    return rule.queue == queue.name or (not rule.queue and queue.jobs[Status.QUEUED] > 0)


_WATCH: dict[str, Callable[[Rule, Facts], Iterator[Signal]]] = {
    "first-failure": _first_failures,
    "failures": _failures,
    "worker-lost": _lost_workers,
    "schedule-late": _late_schedules,
    "queue-waits": _waiting_queues,
    "no-worker": _without_worker,
}


def _jobs(count: int) -> str:
    return f"{count:,} job{'' if count == 1 else 's'}"


def _time(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M} UTC"


def _page(path: str, **filters: str | None) -> str:
    given = {name: value for name, value in filters.items() if value}
    return f"{path}?{urlencode(given)}" if given else path
