"""How a task is called with the arguments of a job, which all have names, also `*args` and `**kwargs`."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Callable
from inspect import Parameter
from typing import Any

from taskdesk.jobs.call_shape import CallShape
from taskdesk.worker.task_schema import plain_function, signature

_BY_PLACE = (Parameter.POSITIONAL_ONLY, Parameter.POSITIONAL_OR_KEYWORD)


def call_shape(function: Callable[..., Any]) -> CallShape:
    kinds = _kinds(function)
    by_kind = {kind: name for name, kind in kinds.items()}
    return CallShape(
        by_place=tuple(name for name, kind in kinds.items() if kind in _BY_PLACE),
        only_by_place=[*kinds.values()].count(Parameter.POSITIONAL_ONLY),
        rest=by_kind.get(Parameter.VAR_POSITIONAL, ""),
        named_rest=by_kind.get(Parameter.VAR_KEYWORD, ""),
    )


def callable_by_name(function: Callable[..., Any]) -> Callable[..., Any]:
    """Return a function that takes every argument by its name, and runs this one to its end if it is an `async def`.

    For most functions that is the function itself.
    """
    call = _unpacking(function)
    is_async = inspect.iscoroutinefunction(function) or inspect.iscoroutinefunction(plain_function(function))
    return _awaiting(call) if is_async else call


def _unpacking(function: Callable[..., Any]) -> Callable[..., Any]:
    shape = call_shape(function)
    by_place = shape.by_place if shape.rest else shape.by_place[: shape.only_by_place]
    if not (by_place or shape.rest or shape.named_rest):
        return function

    def call(**arguments: Any) -> Any:
        positional = [arguments.pop(name) for name in by_place]
        positional += arguments.pop(shape.rest) if shape.rest else ()
        others = arguments.pop(shape.named_rest) if shape.named_rest else {}
        return function(*positional, **arguments, **others)

    return call


def _awaiting(function: Callable[..., Any]) -> Callable[..., Any]:
    def call(**arguments: Any) -> Any:
        returned = function(**arguments)
        return asyncio.run(returned) if inspect.iscoroutine(returned) else returned

    return call


def _kinds(function: Callable[..., Any]) -> dict[str, Any]:
    return {name: parameter.kind for name, parameter in signature(function).parameters.items()}
