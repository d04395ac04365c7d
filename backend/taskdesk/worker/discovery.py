"""Find the tasks of a package and describe them: signatures become JSON Schemas.

A file that can't be imported, or a function that can't be a task, is announced as broken with the reason; the
others work.
"""

from __future__ import annotations

import importlib
import inspect
import logging
import pkgutil
import traceback
import warnings
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from types import ModuleType
from typing import Any

from pydantic import BaseModel, ConfigDict, TypeAdapter, create_model

from taskdesk.jobs.catalog import BrokenModule, Catalog, TaskSpec
from taskdesk.jobs.schema_rules import PATH_FORMATS, is_file
from taskdesk.jobs.task import TaskOptions
from taskdesk.worker.settings import WorkerSettings
from taskdesk.worker.validation import validator_of

AroundJob = Callable[[], AbstractContextManager[Any]]


@dataclass(frozen=True)
class LoadedTask:
    """A task that this process can run. `validate` turns JSON values into its arguments, or raises InvalidArguments."""

    spec: TaskSpec
    function: Callable[..., Any]
    validate: Callable[[dict[str, Any]], dict[str, Any]]
    options: TaskOptions

    @cached_property
    def file_parameters(self) -> tuple[str, ...]:
        return tuple(self.spec.file_parameters)

    @cached_property
    def logger(self) -> logging.Logger:
        return logging.getLogger(self.spec.name)


@dataclass(frozen=True)
class TaskRegistry:
    """Every task that this worker may run, by reference ("tasks.simple_task")."""

    tasks: dict[str, LoadedTask]
    catalog: Catalog
    around_job: AroundJob


def discover(settings: WorkerSettings) -> TaskRegistry:
    """Import the package of tasks and describe every public function that is defined in it."""
    package_name = settings.tasks
    tasks: dict[str, LoadedTask] = {}
    broken: list[BrokenModule] = []
    around_job: AroundJob = nullcontext
    for module in _modules(package_name, broken):
        if module.__name__ == package_name:
            around_job = getattr(module, "around_job", nullcontext)
        for function in _public_functions(module):
            try:
                loaded = _describe(package_name, function, settings)
                if loaded.spec.reference in tasks:
                    raise ValueError(f"another module has a task named {function.__name__!r}, too: rename one")
            except Exception as error:  # one broken task must not hide the others
                broken.append(BrokenModule(module=f"{module.__name__}.{function.__name__}", error=str(error)))
            else:
                tasks[loaded.spec.reference] = loaded
    specs = {loaded.spec.name: loaded.spec for loaded in tasks.values()}
    return TaskRegistry(tasks, Catalog(tasks=dict(sorted(specs.items())), broken=broken), around_job)


def _modules(package_name: str, broken: list[BrokenModule]) -> Iterator[ModuleType]:
    names = [package_name]
    for name in names:
        try:
            module = importlib.import_module(name)
        except (Exception, SystemExit) as error:
            broken.append(BrokenModule(module=name, error=_import_error(error)))
            continue
        if name == package_name:
            paths = getattr(module, "__path__", ())
            names += sorted(info.name for info in pkgutil.iter_modules(paths, prefix=f"{package_name}."))
        yield module


def _import_error(error: BaseException) -> str:
    """Return the error in one line, with the place in the author's own file."""
    if isinstance(error, SyntaxError):
        return f"{type(error).__name__}: {error.msg} ({Path(error.filename or '?').name}, line {error.lineno})"
    frames = [f for f in traceback.extract_tb(error.__traceback__) if "importlib" not in f.filename]
    where = f" ({Path(frames[-1].filename).name}, line {frames[-1].lineno})" if len(frames) > 1 else ""
    return f"{type(error).__name__}: {error}{where}"


def _public_functions(module: ModuleType) -> Iterator[Callable[..., Any]]:
    for name, function in vars(module).items():
        is_own = inspect.isfunction(function) and function.__module__ == module.__name__
        if is_own and not name.startswith("_") and name != "around_job":
            yield function


def _describe(package_name: str, function: Callable[..., Any], settings: WorkerSettings) -> LoadedTask:
    options: TaskOptions = getattr(function, "task_options", TaskOptions())
    if options.queue not in settings.queues:
        raise ValueError(f"its queue {options.queue!r} is none of {', '.join(settings.queues)} (setting QUEUES)")
    if options.at_most_once and options.retries:
        raise ValueError("it has both at_most_once and retries: remove one of them")
    if inspect.iscoroutinefunction(function) or inspect.isasyncgenfunction(function):
        raise ValueError("it is async: make it a plain function, and call asyncio.run in it")
    title, _, description = (inspect.getdoc(function) or function.__name__.replace("_", " ").capitalize()).partition(
        "\n"
    )
    arguments = _arguments_model(function)
    spec = TaskSpec(
        name=function.__name__,
        reference=f"{package_name}.{function.__name__}",
        title=title.strip(),
        description=description.strip(),
        queue=options.queue,
        timeout=options.timeout or settings.job_timeout,
        retries=options.retries,
        at_most_once=options.at_most_once,
        input_schema=_refuse_paths(_inline_references(arguments.model_json_schema())),
        output_schema=_output_schema(function),
    )
    return LoadedTask(spec, function, validator_of(arguments), options)


def _arguments_model(function: Callable[..., Any]) -> type[BaseModel]:
    fields: dict[str, Any] = {}
    for name, parameter in inspect.signature(function, eval_str=True).parameters.items():
        if parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD, parameter.POSITIONAL_ONLY):
            raise ValueError(f"its parameter {name!r} has no name of its own: name every parameter")
        if parameter.annotation is parameter.empty:
            raise ValueError(f"its parameter {name!r} has no type: annotate it, say `{name}: str`")
        fields[name] = (parameter.annotation, ... if parameter.default is parameter.empty else parameter.default)
    config = ConfigDict(extra="forbid", protected_namespaces=())
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # a parameter may be named like a method of BaseModel
        return create_model(function.__name__, __config__=config, **fields)


def _output_schema(function: Callable[..., Any]) -> dict[str, Any] | None:
    """Return the JSON Schema of the return annotation; None if there is none, or it is a file or a picture."""
    returned = inspect.signature(function, eval_str=True).return_annotation
    try:
        schema = _inline_references(TypeAdapter(returned).json_schema(mode="serialization"))
    except Exception:  # pydantic does not know the class, a type contains itself, …: the task runs all the same
        return None
    return None if _formats(schema) & PATH_FORMATS else schema or None


def _refuse_paths(schema: dict[str, Any]) -> dict[str, Any]:
    """Raise ValueError for a path that is no upload: with it, a client could name any file of the worker."""
    for name, parameter in schema.get("properties", {}).items():
        inner = [choice for choice in parameter.get("anyOf", [parameter]) if not is_file(choice)]
        if _formats(inner) & PATH_FORMATS:
            raise ValueError(
                f"its parameter {name!r} has a Path that is no upload: annotate it as taskdesk.AnyFile or CsvFile, "
                "one file per parameter"
            )
    return schema


def _formats(node: Any) -> set[str]:
    """Return every format that occurs in a schema, at any depth."""
    if isinstance(node, list):
        return set().union(*map(_formats, node))
    if not isinstance(node, dict):
        return set()
    own = {node["format"]} if isinstance(node.get("format"), str) else set()
    return own.union(*map(_formats, node.values()))


def _inline_references(schema: dict[str, Any]) -> dict[str, Any]:
    """Replace each `$ref` by its `$defs` entry. Raise ValueError for a type that contains itself."""
    definitions = schema.pop("$defs", {})

    def inline(node: Any, inside: tuple[str, ...] = ()) -> Any:
        if isinstance(node, list):
            return [inline(item, inside) for item in node]
        if not isinstance(node, dict):
            return node
        if "$ref" in node:
            name = node["$ref"].rpartition("/")[2]
            if name in inside:
                raise ValueError(f"its type {name} contains itself")
            rest = {key: value for key, value in node.items() if key != "$ref"}
            return {**inline(definitions[name], (*inside, name)), **rest}
        return {key: inline(value, inside) for key, value in node.items()}

    inlined: dict[str, Any] = inline(schema)
    return inlined
