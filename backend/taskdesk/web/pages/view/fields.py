"""The fields of a task's form, from its JSON Schema."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

from taskdesk.jobs.arguments import MAX_FILES
from taskdesk.jobs.catalog import TaskSpec
from taskdesk.jobs.form_texts import WAY, parameter_of, write_fields
from taskdesk.jobs.parameter import Parameter
from taskdesk.jobs.schema_rules import attributes, file_of, is_file_list, limits_in_words
from taskdesk.jobs.task import COLUMN_OF
from taskdesk.jobs.texts import Texts
from taskdesk.jobs.value_types import TYPES
from taskdesk.jobs.variants import variants_of

_ENTRY_CONTROLS = {"text", "number", "decimal", "date", "select", "password"}  # that an entry of a list may have
_SHORT_CONTROLS = {"number", "decimal", "date", "datetime", "select"}
_NOTHING = {"": "–"}
_MORE_WAYS = {"text": "text, also empty", "json": "JSON"}  # where a value can't be shown otherwise
_LONGEST_NUMBER = 15  # characters that a browser's control for numbers surely keeps


@dataclass(frozen=True)
class FormField:
    """One field. `control` is one of Parameter.control. `values` are its texts: one, or those of a list.

    `bounds` are its limits in words, `limits` as HTML attributes. `options` are the choices with their labels. `entry`
    is an entry of a list. `ways` are the ways in which its text can be read, with their labels, and `way` is chosen.
    `fields` are those of a group.
    """

    name: str
    label: str
    control: str
    values: Sequence[str] = ()
    help: str = ""
    bounds: str = ""
    required: bool = False
    error: str = ""
    limits: dict[str, Any] = field(default_factory=dict)
    options: Mapping[str, str] = field(default_factory=dict)
    entry: FormField | None = None
    ways: Mapping[str, str] = field(default_factory=dict)
    way: str = ""
    fields: Sequence[FormField] = ()

    @property
    def all(self) -> list[FormField]:
        """The field, and those of a group at any depth."""
        return [self, *(one for inner in self.fields for one in inner.all)]

    @property
    def wrong(self) -> list[FormField]:
        """The field, and those of a group, that have an error. Their labels also name the group."""
        inside = [replace(one, label=f"{self.label}: {one.label}") for inner in self.fields for one in inner.wrong]
        return [self, *inside] if self.error else inside

    @property
    def value(self) -> str:
        return "\n".join(self.values)

    @property
    def is_short(self) -> bool:
        """Return True if half a line is enough for it."""
        return self.control in _SHORT_CONTROLS

    @property
    def is_checked(self) -> bool:
        return TYPES["boolean"].parse(self.value) is True


def form_fields(spec: TaskSpec, texts: Texts | None = None, errors: Mapping[str, str] | None = None) -> list[FormField]:
    """Return the fields of a task with their texts (None: the defaults), and a sentence for each wrong field."""
    given = write_fields(spec, spec.defaults) if texts is None else texts
    return [_field(parameter_of(spec, name), given, errors or {}) for name in spec.parameters]


def _field(parameter: Parameter, given: Texts, errors: Mapping[str, str]) -> FormField:
    name, way = parameter.name, "".join(given.get(f"{parameter.name}{WAY}", ()))
    if not parameter.members or name in given:
        return _value_field(parameter, given.get(name, ()), way, _error(name, errors))
    return FormField(
        name=name,
        label=_label(parameter),
        control="group",
        help=parameter.schema.get("description") or parameter.plain.get("description", ""),
        error=errors.get(name, ""),
        ways=parameter.ways,
        way=way,
        fields=[_field(member, given, errors) for member in parameter.members.values()],
    )


def _error(name: str, errors: Mapping[str, str]) -> str:
    """Return the errors of a field; of a group that is shown as JSON, also those inside."""
    inside = (f"{field[len(name) + 1 :]}: {text}" for field, text in errors.items() if field.startswith(f"{name}."))
    return " ".join(filter(None, [errors.get(name), *inside]))


def _value_field(parameter: Parameter, texts: Sequence[str], way: str, error: str) -> FormField:
    control = _control(parameter, texts, way)
    is_open = control == "select" and parameter.is_open
    options = parameter.options if control in ("select", "choices", "text") else {}
    return FormField(
        name=parameter.name,
        label=_label(parameter),
        control=control,
        values=_shown(control, texts),
        help=parameter.schema.get("description", ""),
        bounds=_bounds(parameter, control),
        required=parameter.is_required and not parameter.is_nullable and control != "checkbox",
        error=error,
        limits=_limits(control, parameter.plain if len(parameter.variants) == 1 else {}),
        options=_NOTHING | options if is_open else options,
        entry=_entry(parameter.plain.get("items", {})) if control == "list" else None,
        ways=_ways(parameter, "text" if not way and error and parameter.takes_empty_text and not any(texts) else way),
        way=way,
    )


def _label(parameter: Parameter) -> str:
    """Return the title that the author gave the parameter, else its name in words."""
    title, name = parameter.schema.get("title", ""), parameter.name.rpartition(".")[2]
    is_pydantics = title == name.title().replace("_", " ").strip()
    is_of_type = {"enum", "$ref", "properties"} & parameter.schema.keys()  # the name of a class
    return name.replace("_", " ").capitalize() if not title or is_pydantics or is_of_type else str(title)


def _control(parameter: Parameter, texts: Sequence[str], way: str) -> str:
    """Return the control that shows these texts as they are."""
    if way == "json" or parameter.members:  # a group with what has no field there
        return "multiline"
    control = "text" if way == "text" and parameter.control == "datetime" else parameter.control
    if control == "number" and any(len(text) > _LONGEST_NUMBER for text in texts):
        return "decimal"
    return "multiline" if control == "text" and any("\n" in text for text in texts) else control


def _ways(parameter: Parameter, way: str) -> dict[str, str]:
    if parameter.members:  # as JSON
        return {}
    if way in parameter.ways or not way:
        return parameter.ways
    return (parameter.ways or {"": parameter.words}) | {way: _MORE_WAYS.get(way, way)}


def _entry(schema: dict[str, Any]) -> FormField:
    entry = Parameter("", schema)
    control = entry.control if len(variants_of(schema)) == 1 and entry.control in _ENTRY_CONTROLS else "text"
    return FormField("", "", control, limits=_limits(control, entry.plain), options=_NOTHING | entry.options)


def _bounds(parameter: Parameter, control: str) -> str:
    sentences = (_type_in_words(parameter, control), limits_in_words(parameter.plain))
    return " ".join(f"{text[0].upper()}{text[1:]}." for text in sentences if text)


def _type_in_words(parameter: Parameter, control: str) -> str:
    """Return what is to be typed, where the control does not show it."""
    if control == "list":
        return _entries_in_words(parameter.plain)
    if parameter.ways or control not in ("text", "multiline", "json") or parameter.words == TYPES["string"].words:
        return ""
    return f"this takes {parameter.words}" if parameter.options else parameter.words


def _entries_in_words(plain: dict[str, Any]) -> str:
    if ordered := plain.get("prefixItems"):
        return "in this order: " + ", ".join(Parameter("", schema).words for schema in ordered)
    entry = Parameter("", plain.get("items", {}), is_required=True)
    words = _type_in_words(entry, "text" if entry.control in ("list", "group") else entry.control)
    return f"each entry: {words}" if words else ""


def _limits(control: str, plain: dict[str, Any]) -> dict[str, Any]:
    limits = attributes(control, plain)
    if control == "file" and (extensions := (file_of(plain) or {}).get("extensions")):
        limits["accept"] = ",".join(extensions)
    if control == "text" and COLUMN_OF in plain:
        limits["data-column-of"] = plain[COLUMN_OF]
    if control == "file" and is_file_list(plain):
        limits |= {"multiple": "", "data-most": min(plain.get("maxItems", MAX_FILES), MAX_FILES)}
    return limits


def _shown(control: str, texts: Sequence[str]) -> Sequence[str]:
    if control == "password":  # a secret is not sent back
        return ()
    if control == "list":
        return [line.strip() for text in texts for line in text.split("\n") if line.strip()]
    return [as_local(text) or text for text in texts] if control == "datetime" else texts


def as_local(text: str) -> str:
    """Return a date-time for a browser's control, in UTC, or an empty text if it is none.

    static/zone.js changes it to the viewer's time zone.
    """
    try:
        moment = datetime.fromisoformat(text)
        if moment.tzinfo:
            moment = moment.astimezone(UTC).replace(tzinfo=None)
    except (ValueError, OverflowError):  # the first day of the year 1 in a zone ahead of UTC
        return ""
    return moment.isoformat(timespec="milliseconds" if moment.second or moment.microsecond else "minutes")
