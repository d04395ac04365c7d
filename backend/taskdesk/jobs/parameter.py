"""A parameter as a form shows it: its types, its control, what an empty field means, and what else can be chosen."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from taskdesk.jobs.schema_rules import file_of, has_format, plain_schema
from taskdesk.jobs.task import SECRET_FORMAT
from taskdesk.jobs.value_types import value_type
from taskdesk.jobs.variants import is_null, is_of_variant, members_of, variants_of

NOT_GIVEN = object()
EMPTY = "empty"  # the choice beside a group that ignores its fields
BOOLEANS = {"true": "yes", "false": "no"}  # with their labels
_TEXT_CONTROLS = ("text", "multiline")
_MAX_DEPTH = 3  # of groups in groups
_MEMBER = re.compile(r"[^\W\d][\w-]*")  # the name of a field in a group: no dot and no colon


@dataclass(frozen=True)
class Parameter:
    """`schema` is its JSON Schema. `is_required`: it has no default. A field of a group is named `<group>.<field>`."""

    name: str
    schema: dict[str, Any]
    is_required: bool = False

    @cached_property
    def variants(self) -> list[dict[str, Any]]:
        """Its types without null."""
        return [variant for variant in variants_of(self.schema) if not is_null(variant)]

    @cached_property
    def is_nullable(self) -> bool:
        return any(map(is_null, variants_of(self.schema)))

    @cached_property
    def plain(self) -> dict[str, Any]:
        """The schema of its type; of several types, the first."""
        return plain_schema(self.schema)

    @cached_property
    def members(self) -> dict[str, Parameter]:
        """The fields of a group: an object of known names, at most _MAX_DEPTH deep and without a secret; else none."""
        [first, *more] = self.variants or [{}]
        properties = first.get("properties", {})
        if (
            more
            or self.name.count(".") >= _MAX_DEPTH
            or first.get("additionalProperties")
            or not all(map(_MEMBER.fullmatch, properties))
            or has_format(first, SECRET_FORMAT)
        ):
            return {}
        required = first.get("required", ())
        return {key: Parameter(f"{self.name}.{key}", schema, key in required) for key, schema in properties.items()}

    @cached_property
    def control(self) -> str:
        """Its control: `group`, or one for a value.

        These are text, multiline, number, decimal, password, checkbox, select, choices, date, datetime, list, json and
        file.
        """
        if self.members:
            return "group"
        if any(map(file_of, self.variants)):
            return "file"
        if all(_has_options(variant) for variant in self.variants):
            return "checkbox" if self._is_checkbox else "select"
        if len(self.variants) > 1:
            return _control_of_union(self.variants)
        [variant] = self.variants
        if variant.get("type") != "array":
            return value_type(variant).control
        return "choices" if "prefixItems" not in variant and _is_enumeration(variant.get("items", {})) else "list"

    @property
    def _is_checkbox(self) -> bool:
        [first, *more] = self.variants or [{}]
        is_plain = first.get("type") == "boolean" and not members_of(first) and not more and not self.is_nullable
        return is_plain and (self.is_required or isinstance(self.schema.get("default"), bool))

    @cached_property
    def options(self) -> dict[str, str]:
        """What a select, checkboxes or the suggestions of a text field offer, with the labels."""
        variants = variants_of(self.variants[0].get("items", {})) if self.control == "choices" else self.variants
        shown: dict[str, str] = {}
        for variant in variants:
            members = members_of(variant)
            shown |= {key_of(one, members): one if isinstance(one, str) else json.dumps(one) for one in members}
            if variant.get("type") == "boolean" and not members:
                shown |= BOOLEANS
        return shown

    @cached_property
    def is_open(self) -> bool:
        """A select that starts with no choice."""
        return self.is_nullable or self.schema.get("default") is None

    @cached_property
    def empty(self) -> Any:
        """What an empty field means: null, an empty text or list, or NOT_GIVEN, which is the task's default."""
        if self.is_nullable:
            return None
        default = self.schema.get("default")
        if self.control in ("list", "choices"):
            return [] if self.is_required or isinstance(default, list) else NOT_GIVEN
        return "" if self._takes_text and isinstance(default, str) else NOT_GIVEN

    @cached_property
    def ways(self) -> dict[str, str]:
        """How else the field can be read, with the labels: see form_texts.py. Empty for most parameters."""
        if self.members:
            has_values = self.is_required or isinstance(self.schema.get("default"), dict)
            is_plain = has_values and not self.is_nullable
            return {} if is_plain else {EMPTY: self._empty_in_words, "": "the values below"}
        if self.control in ("list", "choices") and self.empty != []:
            return {"": f"{self._empty_in_words} if empty", "list": "an empty list if empty"}
        if self._takes_text and self.control in _TEXT_CONTROLS and self._is_ambiguous:
            return {"": self.words, "text": "always text"}
        if self.takes_empty_text and (self.is_nullable or not self.is_required) and self.empty != "":
            return {"": f"{self._empty_in_words} if empty", "text": "an empty text if empty"}
        return {}

    @property
    def _takes_text(self) -> bool:
        return any(value_type(variant).is_emptiable and not members_of(variant) for variant in self.variants)

    @property
    def takes_empty_text(self) -> bool:
        """Return True if its control can show an empty text, and the task takes it."""
        return (
            self._takes_text
            and self.control in _TEXT_CONTROLS
            and any(is_of_variant(variant, "") for variant in self.variants)
        )

    @property
    def _is_ambiguous(self) -> bool:
        return any(variant.get("type") != "string" or members_of(variant) for variant in self.variants)

    @property
    def _empty_in_words(self) -> str:
        return "nothing" if self.is_nullable else "the default"

    @cached_property
    def words(self) -> str:
        """Its types: "a whole number or text"."""
        typed = [variant for variant in self.variants if not members_of(variant)]
        named = [
            *(list(self.options) if len(self.options) < 6 else ["a choice"]),
            *map(_words, typed),
        ]
        named = [words for words in dict.fromkeys(named) if words != value_type({"type": "boolean"}).words]
        return " or ".join(words.rstrip(",") for words in named)


def _words(variant: dict[str, Any]) -> str:
    row = value_type(variant)
    return f"{row.words} as JSON" if row.control in ("json", "list") and "JSON" not in row.words else row.words


def key_of(member: Any, members: list[Any]) -> str:
    """Return the text that stands for a member of an enumeration: JSON, unless it is a text that looks like none."""
    others = {json.dumps(one, ensure_ascii=False) for one in members}
    if isinstance(member, str) and member and member not in others:
        return member
    return json.dumps(member, ensure_ascii=False)


def _is_enumeration(schema: dict[str, Any]) -> bool:
    return all(map(members_of, variants_of(schema)))


def _has_options(variant: dict[str, Any]) -> bool:
    return bool(members_of(variant)) or variant.get("type") == "boolean"


def _control_of_union(variants: list[dict[str, Any]]) -> str:
    controls = {value_type(variant).control if not members_of(variant) else "text" for variant in variants}
    if controls <= {"json", "list"}:
        return "json"
    return "multiline" if controls & {"json", "list", "multiline"} else "text"
