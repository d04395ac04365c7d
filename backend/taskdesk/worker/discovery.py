"""Find the tasks of the packages in TASKS and describe them: signatures become JSON Schemas.

A file that can't be imported, or a function that can't be a task, is announced as broken with the reason; the
others work.
"""

from __future__ import annotations

import importlib
import logging
import sys
import traceback
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace
from functools import cached_property, partial
from pathlib import Path
from types import ModuleType
from typing import Any

from taskdesk.jobs.catalog import BrokenModule, Catalog, TaskSpec
from taskdesk.jobs.task import TaskOptions
from taskdesk.jobs.task_functions import modules_of, paths_of, task_functions
from taskdesk.worker.calls import call_shape, callable_by_name
from taskdesk.worker.declaration import check_columns, check_declaration, declared_schedule, default_queue
from taskdesk.worker.documentation import add_help, documentation
from taskdesk.worker.settings import WorkerSettings
from taskdesk.worker.task_schema import arguments_model, input_schema, output_schema, plain_function
from taskdesk.worker.validation import validator_of

AroundJob = Callable[[], AbstractContextManager[Any]]


@dataclass(frozen=True)
class LoadedTask:
    """A task that this process can run. `validate` turns JSON values into its arguments, or raises InvalidArguments."""

    spec: TaskSpec
    function: Callable[..., Any]
    validate: Callable[[dict[str, Any]], dict[str, Any]]
    options: TaskOptions
    around_job: AroundJob = nullcontext  # that of its package

    @cached_property
    def call(self) -> Callable[..., Any]:
        """The function, as it is called with the arguments by name."""
        return callable_by_name(self.function)

    @cached_property
    def takes_other_names(self) -> bool:
        return bool(self.spec.shape and self.spec.shape.named_rest)

    @cached_property
    def file_parameters(self) -> tuple[str, ...]:
        return tuple(self.spec.file_parameters)

    def one_or_all(self, parameter: str, values: Sequence[Any]) -> Any:
        """Return what the function gets, of one value for each file: all of them in a list, or else the first."""
        return values if parameter in self.spec.file_lists else values[0]

    @cached_property
    def logger(self) -> logging.Logger:
        return logging.getLogger(self.spec.name)


@dataclass(frozen=True)
class TaskRegistry:
    """Every task that this worker may run, by reference ("tasks.simple_task")."""

    tasks: dict[str, LoadedTask]
    catalog: Catalog

    @cached_property
    def by_call(self) -> dict[str, LoadedTask]:
        """The tasks by each name that a job may call them by."""
        return {name: self.tasks[spec.reference] for name, spec in self.catalog.by_call.items()}


def discover(
    settings: WorkerSettings, importing: Callable[[str], Any] = str, ended: Mapping[str, str] | None = None
) -> TaskRegistry:
    """Import the packages of tasks and describe every task in them.

    `importing` is called with the name of each module before its import. `ended`: modules to leave out, because their
    import ends the process, and how.
    """
    named: dict[str, LoadedTask] = {}
    broken: list[BrokenModule] = []
    load = partial(_load, broken, importing, ended or {})
    for package, module in ((one, module) for one in settings.tasks for module in modules_of(one, load)):
        for name, function in task_functions(module, package):
            try:
                loaded = describe(f"{package}.{name}", function, settings, paths_of(function, name, module))
                _add(replace(loaded, around_job=_around_job(package)), named)
            except BaseException as error:  # one broken task must not hide the others
                broken.append(BrokenModule(module=f"{module.__name__}.{name}", error=_text(error)))
    specs = {name: loaded.spec for name, loaded in sorted(named.items())}
    return TaskRegistry({one.spec.reference: one for one in named.values()}, Catalog(tasks=specs, broken=broken))


def _around_job(package: str) -> AroundJob:
    members = vars(sys.modules[package])  # an attribute may be that of a `__getattr__`, which imports every module
    return members.get("around_job", nullcontext)  # type: ignore[no-any-return]


def _add(loaded: LoadedTask, named: dict[str, LoadedTask]) -> None:
    same = named.setdefault(loaded.spec.name, loaded)
    if same.function is not loaded.function or same.spec.reference != loaded.spec.reference:
        place = next(iter(same.spec.paths), same.spec.reference)
        raise ValueError(f"another module has a task named {loaded.spec.name!r} ({place}): rename one")


def _load(
    broken: list[BrokenModule], importing: Callable[[str], object], ended: Mapping[str, str], name: str
) -> ModuleType | None:
    """Import a module, or return None and note why it is broken."""
    if name in ended:
        broken.append(BrokenModule(module=name, error=ended[name]))
        return None
    importing(name)
    try:
        return importlib.import_module(name)
    except BaseException as error:  # SystemExit of a script, KeyboardInterrupt, what a library has of its own
        broken.append(BrokenModule(module=name, error=_import_error(error)))
        return None


def _import_error(error: BaseException) -> str:
    """Return the error in one line, with the place in the author's own file."""
    if isinstance(error, SyntaxError):
        return f"{type(error).__name__}: {error.msg} ({Path(error.filename or '?').name}, line {error.lineno})"
    frames = [f for f in traceback.extract_tb(error.__traceback__) if "importlib" not in f.filename]
    where = f" ({Path(frames[-1].filename).name}, line {frames[-1].lineno})" if len(frames) > 1 else ""
    return f"{type(error).__name__}: {_text(error)}{where}"


def _text(error: BaseException) -> str:
    try:
        return str(error)
    except BaseException:  # its own __str__ is broken
        return ""


def describe(reference: str, function: Any, settings: WorkerSettings, paths: Sequence[str] = ()) -> LoadedTask:
    """Return the function as the task of this reference, `package.name`.

    Raise an error with a sentence for the author if it can't be one.

    `paths`: where Python finds it.
    """
    name = reference.rpartition(".")[2]
    if not callable(function):
        raise ValueError(f"it is no function but {function!r:.50}: let its decorator return one")
    sources = (function, plain_function(function))
    options = next((one.task_options for one in sources if hasattr(one, "task_options")), TaskOptions())
    check_declaration(function, options, settings)
    texts = documentation(name, sources)
    arguments = arguments_model(name, function)
    spec = TaskSpec(
        name=name,
        reference=reference,
        paths=tuple(path for path in paths if path != reference),
        title=texts.title,
        description=texts.description,
        queue=options.queue or default_queue(settings.queues),
        timeout=options.timeout or settings.job_timeout,
        retries=options.retries,
        backoff=options.backoff,
        at_most_once=options.at_most_once,
        grace=options.grace,
        webhook=options.webhook,
        notify=options.notify,
        input_schema=add_help(input_schema(arguments), function, texts.parameters),
        shape=call_shape(function),
        output_schema=output_schema(function),
    )
    check_columns(spec)
    if schedule := declared_schedule(spec, options, settings):
        spec = spec.model_copy(update={"schedule": schedule})
    return LoadedTask(spec, function, validator_of(arguments), options)
