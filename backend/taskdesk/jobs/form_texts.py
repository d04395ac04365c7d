"""The texts of a form as values, and values as the texts that fill a form: `read_fields` and `write_fields`.

Fields are read as in texts.py. Where the text of a field does not say it, a choice beside the field does, under
`name:as`: "text" (as it is), "list" (an empty one), "json", or "empty" (a group whose fields don't count). So every
value of a job comes back from its form as it was. The field `b` of a group `a` has the name `a.b`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from taskdesk.jobs.catalog import TaskSpec
from taskdesk.jobs.errors import InvalidArguments
from taskdesk.jobs.parameter import EMPTY, NOT_GIVEN, Parameter
from taskdesk.jobs.texts import Texts, is_same, json_of, only_one, read_each, read_entries, read_json, read_one, text_of
from taskdesk.jobs.value_types import line_ends, with_zone

WAY = ":as"  # after the name of a parameter, which has no colon


def parameter_of(spec: TaskSpec, name: str) -> Parameter:
    return Parameter(name, spec.parameters[name], name in spec.input_schema.get("required", ()))


def parameter_name(field: str) -> str:
    """Return the name of the parameter that a field of a form is of, or belongs to."""
    return field.removesuffix(WAY).partition(".")[0]


def read_fields(spec: TaskSpec, texts: Texts) -> dict[str, Any]:
    """As `read_texts`, from the form of a page.

    An empty field is null where the type allows it, or else the default; each line of a list is an entry; a date-time
    without a zone is in UTC.
    """

    def read(name: str) -> Any:
        if name not in spec.parameters:
            return texts[name][-1]
        return _read_field(parameter_of(spec, name), texts)

    known = {field for name in spec.parameters for field in _fields_of(parameter_of(spec, name))}
    unknown = (name for name in texts if name.removesuffix(WAY) not in known)
    return read_each([*(name for name in spec.parameters if name not in spec.file_parameters), *unknown], read)


def _fields_of(parameter: Parameter) -> Iterator[str]:
    """Yield the names of the field of a parameter, and of those in its group."""
    yield parameter.name
    for member in parameter.members.values():
        yield from _fields_of(member)


def write_fields(spec: TaskSpec, values: Mapping[str, Any]) -> dict[str, list[str]]:
    """Return the texts of a form. `read_fields` reads the very same values from what a browser sends of them.

    A parameter that takes files has no text.
    """
    names = spec.parameters.keys() - spec.file_parameters.keys()
    return _write_each({name: parameter_of(spec, name) for name in names}, values)


def _write_each(parameters: Mapping[str, Parameter], values: Mapping[str, Any]) -> dict[str, list[str]]:
    """Return the texts of these parameters. A group without a value shows what its fields have by default."""
    texts: dict[str, list[str]] = {}
    for name, parameter in parameters.items():
        if name in values:
            texts |= _write_field(parameter, values[name])
        elif parameter.members:
            texts |= _write_group(parameter, {}, next(iter(parameter.ways), ""))
    return texts


def _write_field(parameter: Parameter, value: Any) -> dict[str, list[str]]:
    if not parameter.members:
        way, texts = next(_written(parameter, value))
        return {parameter.name: texts, f"{parameter.name}{WAY}": [way]}
    if value is parameter.empty or (value is None and EMPTY in parameter.ways):
        return _write_group(parameter, {}, EMPTY)
    return _write_group(parameter, value) if _is_group(parameter, value) else {parameter.name: [json_of(value)]}


def _write_group(parameter: Parameter, value: Mapping[str, Any], way: str = "") -> dict[str, list[str]]:
    members = parameter.members
    defaults = {name: one.schema["default"] for name, one in members.items() if "default" in one.schema}
    return {f"{parameter.name}{WAY}": [way], **_write_each(members, {**defaults, **value})}


def _is_group(parameter: Parameter, value: Any) -> bool:
    """Return True if the fields of the group can show the value, with what is missing there."""
    if not isinstance(value, dict) or value.keys() - parameter.members.keys():
        return False
    missing = (one for name, one in parameter.members.items() if name not in value)
    return all("default" in one.schema or one.empty is NOT_GIVEN for one in missing)


def _read_field(parameter: Parameter, texts: Texts) -> Any:
    name = parameter.name
    way = "".join(texts.get(f"{name}{WAY}", ()))
    if parameter.members and name not in texts:
        return parameter.empty if way == EMPTY else _read_group(parameter, texts)
    return _read_value(parameter, texts.get(name, ()), way)


def _read_group(parameter: Parameter, texts: Texts) -> Any:
    name = parameter.name
    if f"{name}{WAY}" not in texts and not any(field.startswith(f"{name}.") for field in texts):
        return NOT_GIVEN
    return read_each(parameter.members, lambda key: _read_field(parameter.members[key], texts))


def _read_value(parameter: Parameter, texts: Sequence[str], way: str) -> Any:
    if way == "json":
        return read_json(parameter, only_one(parameter.name, texts))
    if parameter.control == "checkbox" and not any(texts):
        return False
    if not texts:
        return NOT_GIVEN
    if way == "text":
        return line_ends(texts[-1])
    if parameter.control in ("list", "choices"):
        return _read_lines(parameter, texts, [] if way == "list" else parameter.empty)
    if not texts[-1]:
        return parameter.empty
    if parameter.control == "json" and texts[-1].lstrip().startswith(("{", "[")):
        return read_json(parameter, texts[-1])  # not a text, for a parameter that also takes texts
    value = read_one(parameter.schema, with_zone(texts[-1]) if parameter.control == "datetime" else texts[-1])
    return NOT_GIVEN if _is_default_without_zone(parameter, value) else value


def _read_lines(parameter: Parameter, texts: Sequence[str], empty: Any) -> Any:
    entries = [line.strip() for text in texts for line in text.split("\n") if line.strip()]
    return read_entries(parameter.variants[0], entries) if entries else empty


def _is_default_without_zone(parameter: Parameter, value: Any) -> bool:
    """Return True for an untouched default that has no zone, which the function gets as it is."""
    default = parameter.schema.get("default")
    is_naive = parameter.control == "datetime" and isinstance(default, str) and with_zone(default) != default
    return is_naive and isinstance(default, str) and _same_moment(value, with_zone(default))


def _written(parameter: Parameter, value: Any) -> Iterator[tuple[str, list[str]]]:
    """Yield the ways to write a value with their texts that are read back as they were; the best one first."""
    for way, given in _ways(parameter, value):
        sent = _sent(parameter, way, given)
        try:
            read = _read_value(parameter, sent, way)
        except InvalidArguments:
            continue
        if read is NOT_GIVEN and any(sent) == any(given):
            read = parameter.schema.get("default", NOT_GIVEN)
        if is_same(read, value) or (parameter.control == "datetime" and _same_moment(read, value)):
            yield way, given
    yield "json", [json_of(value)]


def _ways(parameter: Parameter, value: Any) -> Iterator[tuple[str, list[str]]]:
    yield "", [_shown(parameter, one) for one in (value if _is_list(parameter, value) else [value])] or [""]
    if parameter.control == "json":
        yield "", [json_of(value)]
    if isinstance(value, str) and parameter.control in ("text", "multiline", "datetime"):
        yield "text", [value]
    if value == []:
        yield "list", [""]


def _is_list(parameter: Parameter, value: Any) -> bool:
    return isinstance(value, list) and parameter.control in ("list", "choices")


def _shown(parameter: Parameter, value: Any) -> str:
    if parameter.control == "datetime" and isinstance(value, str):
        return _as_local(value)
    if parameter.control in ("select", "choices"):
        schema = parameter.schema if parameter.control == "select" else parameter.variants[0].get("items", {})
        same = (option for option in parameter.options if is_same(read_one(schema, option), value))
        return next(same, text_of(value))
    return text_of(value)


def _sent(parameter: Parameter, way: str, texts: list[str]) -> list[str]:
    """Return what a browser sends of a field that shows these texts."""
    control = "text" if way == "text" else parameter.control
    if control == "checkbox":
        return ["on"] if texts == ["true"] else []
    if control == "select":
        return [text if text in parameter.options or (parameter.is_open and not text) else "\0" for text in texts]
    if control == "choices":
        return ["", *(option for option in parameter.options if option in texts)]
    if control == "list":
        return ["\n".join(texts).replace("\0", "\ufffd")]
    if control == "datetime":
        return [text if with_zone(text) != text else "" for text in texts]
    return [re.sub("\r\n?|\n", "\r\n", text).replace("\0", "\ufffd") for text in texts]


def _same_moment(one: Any, other: Any) -> bool:
    try:
        moments = [datetime.fromisoformat(text) for text in (one, other)]
    except (TypeError, ValueError):
        return False
    return (
        moments[0].replace(tzinfo=None) == moments[1].replace(tzinfo=None)
        and len({m.utcoffset() for m in moments}) == 1
    )


def _as_local(text: str) -> str:
    """Return a date-time in UTC for a browser's control. Another text stays as it is, also one with another zone."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return text
    if moment.utcoffset():
        return text
    return moment.replace(tzinfo=None).isoformat(
        timespec="milliseconds" if moment.second or moment.microsecond else "minutes"
    )
