"""The JSON Schemas of a task's arguments and result, made from its signature by pydantic."""

from __future__ import annotations

import functools
import inspect
import warnings
from collections.abc import Callable
from typing import Any

from pydantic import BaseModel, ConfigDict, TypeAdapter, create_model

from taskdesk.jobs.schema_rules import PATH_FORMATS, is_file


def plain_function(function: Callable[..., Any]) -> Callable[..., Any]:
    """Return the function that a callable was made from: a partial, a cache, a method, an object with `__call__`."""
    inner: Any = inspect.unwrap(function)
    while not inspect.isfunction(inner):
        if isinstance(inner, functools.partial):
            inner = inspect.unwrap(inner.func)
        elif inspect.ismethod(inner):
            inner = inspect.unwrap(inner.__func__)
        elif inspect.ismethod(inner.__call__):
            inner = inner.__call__
        else:
            break  # written in C
    return inner  # type: ignore[no-any-return]


def arguments_model(task: str, function: Callable[..., Any]) -> type[BaseModel]:
    """Return a model with a field for each parameter. Raise ValueError for a parameter that can't have one."""
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
        return create_model(task, __config__=config, **fields)


def input_schema(arguments: type[BaseModel]) -> dict[str, Any]:
    """Return the JSON Schema of the arguments. Raise ValueError for one that a form or a client could not fill in."""
    schema = _inline_references(arguments.model_json_schema())
    _refuse_paths(schema)
    return schema


def output_schema(function: Callable[..., Any]) -> dict[str, Any] | None:
    """Return the JSON Schema of the return annotation; None if there is none, or it is a file or a picture."""
    returned = inspect.signature(function, eval_str=True).return_annotation
    try:
        schema = _inline_references(TypeAdapter(returned).json_schema(mode="serialization"))
    except Exception:  # pydantic does not know the class, a type contains itself, …: the task runs all the same
        return None
    return None if _formats(schema) & PATH_FORMATS else schema or None


def _refuse_paths(schema: dict[str, Any]) -> None:
    """Raise ValueError for a path that is no upload: with it, a client could name any file of the worker."""
    for name, parameter in schema.get("properties", {}).items():
        inner = [choice for choice in parameter.get("anyOf", [parameter]) if not is_file(choice)]
        if _formats(inner) & PATH_FORMATS:
            raise ValueError(
                f"its parameter {name!r} has a Path, or bytes, that is no upload: annotate it as "
                "taskdesk.AnyFile, CsvFile or bytes, one file per parameter"
            )


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
