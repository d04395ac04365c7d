"""The JSON Schemas of a task's arguments and result, made from its signature by pydantic."""

from __future__ import annotations

import functools
import inspect
import re
import sys
import typing
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from types import SimpleNamespace
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, TypeAdapter, create_model
from pydantic.fields import FieldInfo
from pydantic_core import SchemaError

from taskdesk.jobs.schema_faults import schema_fault
from taskdesk.jobs.schema_rules import file_of
from taskdesk.jobs.value_types import PATH_FORMATS
from taskdesk.worker.parameter_schema import ParameterSchema
from taskdesk.worker.typed_dicts import allow_typed_dicts

if sys.version_info >= (3, 14):
    from annotationlib import Format

allow_typed_dicts()
_REGEX_FAULT = re.compile(r"regex parse error:.*\nerror: (.*)|(Compiled regex exceeds size limit)", re.DOTALL)


class _Unusable(ValueError):
    """A parameter that no job could fill in. The text completes "its parameter 'x' …"."""


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


def signature(function: Callable[..., Any]) -> inspect.Signature:
    """Return the signature. A type that can't be found, as of an import in `if TYPE_CHECKING`, stays a text."""
    if sys.version_info >= (3, 14):
        return inspect.signature(function, annotation_format=Format.FORWARDREF)
    return inspect.signature(function)


def arguments_model(task: str, function: Callable[..., Any]) -> type[BaseModel]:
    """Return a model with a field for each parameter. Raise ValueError for a parameter that can't have one.

    Each field has its parameter's name as an alias: a field can't be named `_path` or `model_config`.
    """
    names, fields, signed = _namespace(function), {}, signature(function).parameters
    by_name = [one.name for one in signed.values() if one.kind in (one.POSITIONAL_OR_KEYWORD, one.KEYWORD_ONLY)]
    for name, parameter in signed.items():
        try:
            fields[name] = _field(parameter, names, by_name)
            _check(input_schema(_model(task, {name: fields[name]}))["properties"][name])
        except Exception as error:  # pydantic, or a type of the author, may raise anything
            raise ValueError(f"its parameter {name!r} {_fault(error, parameter)}") from error
    return _model(task, fields)


def input_schema(arguments: type[BaseModel]) -> dict[str, Any]:
    """Return the JSON Schema of the arguments."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # of a default that is no JSON: it is not announced
        return _inline_references(arguments.model_json_schema(schema_generator=ParameterSchema))


def output_schema(function: Callable[..., Any]) -> dict[str, Any] | None:
    """Return the JSON Schema of the return annotation; None if there is none, or it is a file or a picture."""
    try:
        returned = _evaluated(signature(function).return_annotation, _namespace(function))
        schema = _inline_references(TypeAdapter(returned).json_schema(mode="serialization"))
    except Exception:  # pydantic does not know the class, a type contains itself, …: the task runs all the same
        return None
    return None if _formats(schema) & PATH_FORMATS or schema_fault(schema) else schema or None


def _namespace(function: Callable[..., Any]) -> dict[str, Any]:
    return getattr(plain_function(function), "__globals__", {})


def _evaluated(annotation: Any, names: dict[str, Any]) -> Any:
    """Return the type that an annotation names. Raises NameError and what its expression raises."""
    stub = SimpleNamespace(__annotations__={"it": annotation})
    return typing.get_type_hints(stub, names, include_extras=True)["it"]


def _field(parameter: inspect.Parameter, names: dict[str, Any], others: Sequence[str]) -> tuple[Any, FieldInfo]:
    """Return the type and the field of a parameter, as `create_model` takes them.

    `others`: the parameters that take an argument by name.
    """
    kind = Any if parameter.annotation is parameter.empty else _evaluated(parameter.annotation, names)
    if parameter.kind is parameter.VAR_POSITIONAL:
        kind = list[kind]  # type: ignore[valid-type]
    if parameter.kind is parameter.VAR_KEYWORD:
        kind = _named_rest(kind, others)
    default = _default(parameter, kind)
    if isinstance(default, FieldInfo):
        kind, default = Annotated[kind, default], ...
    return kind, Field(default, alias=parameter.name)


def _default(parameter: inspect.Parameter, kind: Any) -> Any:
    if parameter.kind is parameter.VAR_POSITIONAL:
        return []
    if parameter.kind is parameter.VAR_KEYWORD:
        return ... if getattr(kind, "__required_keys__", ()) else {}
    return ... if parameter.default is parameter.empty else parameter.default


def _named_rest(kind: Any, others: Sequence[str]) -> Any:
    """Return the type of `**kwargs`: a dict without the names of other parameters."""
    if typing.get_origin(kind) is typing.Unpack:
        return typing.get_args(kind)[0]

    def check(given: dict[str, Any]) -> dict[str, Any]:
        if taken := given.keys() & set(others):
            raise ValueError(f"{', '.join(sorted(taken))}: the task has a parameter of this name")
        return given

    rule: Any = {"propertyNames": {"not": {"enum": list(others)}}} if others else {}
    return Annotated[dict[str, kind], AfterValidator(check), Field(json_schema_extra=rule)]


def _model(task: str, fields: Mapping[str, tuple[Any, FieldInfo]]) -> type[BaseModel]:
    config = ConfigDict(extra="forbid")
    numbered: dict[str, Any] = {f"parameter_{n}": field for n, field in enumerate(fields.values())}
    return create_model(task, __config__=config, **numbered)


def _check(schema: dict[str, Any]) -> None:
    """Raise _Unusable if no form or client could fill in the parameter of this schema."""
    inner = [choice for choice in schema.get("anyOf", [schema]) if not file_of(choice)]
    if _formats(inner) & PATH_FORMATS:  # with a path that is no upload, a client could name any file of the worker
        raise _Unusable(
            "has a Path, or bytes, that is no upload: annotate it as taskdesk.AnyFile, CsvFile or bytes, "
            "or as a list of one of these"
        )
    if fault := schema_fault(schema):
        raise _Unusable(fault)


def _fault(error: Exception, parameter: inspect.Parameter) -> str:
    """Complete "its parameter 'x' …" for the author. Texts of pydantic are about pydantic, so they are left out."""
    kind = _in_words(parameter.annotation)
    match error:
        case _Unusable():
            return str(error)
        case NameError():
            return f"has the type {kind}, but {error}: define it, or import it outside of `if TYPE_CHECKING`"
        case SchemaError() if found := _REGEX_FAULT.search(str(error)):
            reason = found[1] or "it is too large"
            return f"has a pattern that can't be used: {reason}. With re.compile(…) it is one of Python's"
    return f"has the type {kind}, which can't be made from JSON: docs/tasks.md lists types"


def _in_words(annotation: Any) -> str:
    if typing.get_origin(annotation) is Annotated:
        return f"{inspect.formatannotation(annotation.__origin__)} with its Field"
    return annotation if isinstance(annotation, str) else inspect.formatannotation(annotation)


def _formats(node: Any) -> set[str]:
    """Return every format that occurs in a schema, at any depth."""
    return {one["format"] for one in _objects(node) if isinstance(one.get("format"), str)}


def _objects(node: Any) -> Iterator[dict[str, Any]]:
    """Yield every object in a schema, at any depth."""
    if isinstance(node, dict):
        yield node
        node = list(node.values())
    if isinstance(node, list):
        for inner in node:
            yield from _objects(inner)


def _inline_references(schema: dict[str, Any]) -> dict[str, Any]:
    """Replace each `$ref` by its `$defs` entry. Raise _Unusable for a type that contains itself."""
    definitions = schema.pop("$defs", {})

    def inline(node: Any, inside: tuple[str, ...] = ()) -> Any:
        if isinstance(node, list):
            return [inline(item, inside) for item in node]
        if not isinstance(node, dict):
            return node
        if "$ref" in node:
            name = node["$ref"].rpartition("/")[2]
            if name in inside:
                raise _Unusable(f"has the type {name}, which contains itself")
            rest = {key: value for key, value in node.items() if key != "$ref"}
            return {**inline(definitions[name], (*inside, name)), **rest}
        return {key: inline(value, inside) for key, value in node.items()}

    inlined: dict[str, Any] = inline(schema)
    return inlined
