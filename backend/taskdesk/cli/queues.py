"""The commands about queues and workers."""

from __future__ import annotations

import time
from typing import Any

import click
from redis.exceptions import RedisError
from rich.live import Live
from rich.table import Table

from taskdesk.cli.session import Session, pass_session
from taskdesk.cli.terminal import (
    format_duration,
    format_time,
    json_flag,
    out,
    print_json,
    print_lines,
    print_table,
    table,
)
from taskdesk.jobs.desk import Desk
from taskdesk.jobs.queues import Queue
from taskdesk.jobs.representations import queue_objects, worker_object
from taskdesk.jobs.workers import read_workers

_COLUMNS = ("QUEUE", "QUEUED", "OLDEST", "RUNNING", "SCHEDULED", "WAITING", "SUCCEEDED", "FAILED", "WORKERS")


@click.command()
@click.option("--watch", "is_live", is_flag=True, help="Refresh every second until Ctrl-C.")
@json_flag
@pass_session
def queues(session: Session, is_live: bool, as_json: bool) -> None:
    """Show the jobs of each queue, and how many workers serve it."""
    if is_live and as_json:
        raise click.UsageError("--watch and --json can't be combined.")
    if is_live:
        _monitor(session.desk)
    elif as_json:
        print_json({"data": queue_objects(session.desk, session.desk.queues.read())})
    else:
        print_table(_COLUMNS, _rows(session.desk))


@click.command()
@click.argument("queue")
@json_flag
@pass_session
def pause(session: Session, queue: str, as_json: bool) -> None:
    """Pause QUEUE: no further job of it starts. Running jobs go on."""
    session.desk.queues.pause(queue)
    session.audit("pause_queue", queue)
    _show(session.desk, queue, as_json)


@click.command()
@click.argument("queue")
@json_flag
@pass_session
def resume(session: Session, queue: str, as_json: bool) -> None:
    """Resume QUEUE: its jobs start again."""
    session.desk.queues.resume(queue)
    session.audit("resume_queue", queue)
    _show(session.desk, queue, as_json)


def _show(desk: Desk, name: str, as_json: bool) -> None:
    queue = desk.queues.get(name)
    if as_json:
        print_json(*queue_objects(desk, [queue]))
    else:
        print_table(_COLUMNS, [_row(queue, desk.catalog.read().workers_online(name))])


@click.command()
@json_flag
@pass_session
def workers(session: Session, as_json: bool) -> None:
    """List the workers that are online."""
    desk = session.desk
    online = read_workers(desk.redis, (worker.name for worker in desk.catalog.read().workers))
    if as_json:
        print_json({"data": [worker_object(worker) for worker in online]})
        return
    started, show_started = ("AGE", format_duration) if out.is_terminal else ("STARTED (UTC)", format_time)
    rows = [
        (
            one.name,
            one.state,
            ",".join(one.queues),
            one.current_job,
            one.hostname,
            one.pid,
            show_started(one.started_at),
        )
        for one in online
    ]
    columns = ("WORKER", "STATE", "QUEUES", "JOB", "HOST", "PROCESS", started)
    print_lines(columns, rows, dropped=(started, "HOST"), shortened="WORKER")


def _monitor(desk: Desk) -> None:
    """Show the queues until Ctrl-C. Raises RedisError only at the start; later, it shows the error and tries again."""
    with Live(_table(desk), console=out, auto_refresh=False, screen=out.is_terminal) as live:
        while True:
            time.sleep(1)
            try:
                shown = _table(desk)
            except RedisError as error:
                shown = Table(title=f"Redis can't be reached: {error}", title_justify="left")
            live.update(shown, refresh=True)


def _table(desk: Desk) -> Table:
    made = table(_COLUMNS, _rows(desk))
    made.title, made.title_justify = f"Queues at {time.strftime('%H:%M:%S')} · Ctrl-C ends", "left"
    return made


def _rows(desk: Desk) -> list[tuple[Any, ...]]:
    return [_row(queue, desk.catalog.read().workers_online(queue.name)) for queue in desk.queues.read()]


def _row(queue: Queue, workers_online: int) -> tuple[Any, ...]:
    jobs = queue.jobs
    return (
        f"{queue.name} (paused)" if queue.is_paused else queue.name,
        jobs["queued"],
        format_duration(queue.oldest_at),
        jobs["running"],
        jobs["scheduled"],
        jobs["waiting"],
        jobs["succeeded"],
        jobs["failed"],
        workers_online or "none",
    )
