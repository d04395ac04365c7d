"""Check what `@task` declares. A wrong option makes the task broken, with a sentence for its author."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from taskdesk.jobs.alerts.channels import IS_NAME
from taskdesk.jobs.arguments import check
from taskdesk.jobs.catalog import TaskSpec
from taskdesk.jobs.errors import FieldError, InvalidArguments
from taskdesk.jobs.retries import Backoff
from taskdesk.jobs.schedules.definition import read_definition
from taskdesk.jobs.task import TaskOptions
from taskdesk.service import clock
from taskdesk.service.outbound import fault_of_url
from taskdesk.worker.settings import WorkerSettings


def check_declaration(function: Callable[..., Any], options: TaskOptions, settings: WorkerSettings) -> None:
    """Raise ValueError if the function can't be a task with these options."""
    if inspect.isasyncgenfunction(function):
        raise ValueError("it is an async generator: let it return a value, in place of yield")
    for fault in (*_faults(options, settings), *_faults_of_exceptions(options)):
        raise ValueError(fault)


def check_columns(spec: TaskSpec) -> None:
    """Raise ValueError if a parameter is a column of what is no uploaded CSV file."""
    for name, of in spec.column_parameters.items():
        file = spec.file_parameters.get(of)
        if not file or file.get("contentMediaType") != "text/csv" or of in spec.file_lists:
            remedy = "name a parameter of the type CsvFile"
            raise ValueError(f"its parameter {name!r} is a Column of {of!r:.50}, which is no CSV upload: {remedy}")


def declared_schedule(spec: TaskSpec, options: TaskOptions, settings: WorkerSettings) -> dict[str, Any] | None:
    """Return the schedule that a task declares; None if it declares none. Raises ValueError for the author."""
    if options.every is None:
        return None
    values = {"task": spec.name, **{name: getattr(options, name) for name in ("every", "zone", "missed", "overlap")}}
    try:
        definition = read_definition(values, clock.now(), settings.queues)
        check(spec, {})
    except InvalidArguments as error:
        raise ValueError(f"its schedule can't be used: {_of_schedule(error.errors[0])}") from None
    return definition.as_values()


def _of_schedule(fault: FieldError) -> str:
    name = fault.pointer.lstrip("/")
    if name in ("every", "zone", "missed", "overlap"):
        return f"{name}: {fault.detail}"
    return f"the task needs {name}, and a schedule in code passes no arguments. Give it a default."


def default_queue(queues: Sequence[str]) -> str:
    """Return the queue of a task that declares none: `default`, or the first one if there is no queue of this name."""
    return "default" if "default" in queues else queues[0]


def _faults(options: TaskOptions, settings: WorkerSettings) -> Iterator[str]:
    if options.queue is not None and options.queue not in settings.queues:
        yield f"its queue {options.queue!r} is none of {', '.join(settings.queues)} (setting QUEUES)"
    if type(options.retries) is not int or options.retries < 0:
        yield f"its retries are {options.retries!r}: give a whole number from 0"
    if options.at_most_once and options.retries:
        yield "it has both at_most_once and retries: remove one of them"
    if options.grace is not None and (type(options.grace) is not int or options.grace < 0):
        yield f"its grace is {options.grace!r}: give a whole number of seconds from 0"
    elif options.grace and options.grace > settings.stop_limit:
        limit = f"the {settings.stop_limit:,} s that a stop may take (setting STOP_LIMIT)"
        yield f"its grace of {options.grace:,} s is over {limit}"
    if not isinstance(options.notify, str) or (options.notify and not IS_NAME.fullmatch(options.notify)):
        yield f'its notify is {options.notify!r:.50}: give the name of a channel of ALERTS_FILE, such as "ops"'
    if not isinstance(options.backoff, Backoff):
        yield f"its backoff is {options.backoff!r:.50}: write one as in backoff=Backoff(first=10, factor=3, most=3600)"
    elif options.backoff.fault:
        yield f"its backoff can't be used, because its {options.backoff.fault}"
    if options.webhook != "" and (fault := fault_of_url(options.webhook)):
        yield f"its webhook is {options.webhook!r:.50}: {fault[0].lower()}{fault[1:].rstrip('.')}"


def _faults_of_exceptions(options: TaskOptions) -> Iterator[str]:
    for name in ("retry_on", "give_up_on"):
        value = getattr(options, name)
        for one in value if isinstance(value, tuple) else (value,):
            if not (isinstance(one, type) and issubclass(one, BaseException)):
                yield f"its {name} has {one!r:.50}, which is no exception: give classes, as in {name}=(OSError,)"
    if options.retry_on == ():
        yield "its retry_on has no exception: name some, or leave out both retry_on and retries"
