"""Presets: named inputs of a task, which its form offers. Everybody sees them; their owner and operators change them.

In Redis they are a hash for each task, with MAX_PRESETS of MAX_BYTES at most. Files and secrets are no part of them: a
file lives as long as its job, and a secret is shown nowhere.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import Any

from pydantic_core import to_json
from redis import Redis
from redis.exceptions import ResponseError

from taskdesk.jobs.arguments import check
from taskdesk.jobs.catalog import TaskSpec
from taskdesk.jobs.damage import DAMAGE, readable
from taskdesk.jobs.errors import FieldError, InvalidArguments
from taskdesk.jobs.keys import presets_key
from taskdesk.jobs.scripts import Script
from taskdesk.service import clock
from taskdesk.service.accounts import Identity
from taskdesk.service.errors import AppError

MAX_PRESETS = 50  # of a task
MAX_BYTES = 20_000  # of the input of one, as JSON
MAX_NAME = 60  # characters
_NAME = re.compile(rf"\w[\w .,:()+-]{{0,{MAX_NAME - 1}}}")


class _Answer(StrEnum):
    """What change_preset.lua answers."""

    CHANGED = "changed"
    MISSING = "missing"
    FULL = "full"
    OF_ANOTHER = "of another"


CONSTANTS = {
    "PRESET_CHANGED": _Answer.CHANGED.value,
    "PRESET_MISSING": _Answer.MISSING.value,
    "PRESETS_FULL": _Answer.FULL.value,
    "PRESET_OF_ANOTHER": _Answer.OF_ANOTHER.value,
}
_CHANGE = Script(Path(__file__).parent / "lua" / "change_preset.lua", CONSTANTS)


class PresetNotFound(AppError):
    """Unknown preset: the task has none of this name."""

    status = 404


class PresetsFull(AppError):
    """Presets full: a task has no room for more of them."""

    status = 409


class PresetOfAnother(AppError):
    """Preset of another user: its owner and operators may change it."""

    status = 403


@dataclass(frozen=True)
class Preset:
    """`owner`: the user who saved it last, empty without logins."""

    name: str
    input: dict[str, Any]
    owner: str
    changed_at: datetime


class Presets:
    def __init__(self, redis: Redis):
        self._redis = redis

    def of(self, spec: TaskSpec) -> list[Preset]:
        """Return the presets of a task by name. What somebody has damaged is left out."""
        stored = self._read(lambda: self._redis.hgetall(presets_key(spec.name))) or {}
        presets = [_restore(spec, name, text) for name, text in stored.items()]
        return sorted(filter(None, presets), key=lambda preset: (preset.name.casefold(), preset.name))

    def get(self, spec: TaskSpec, name: str) -> Preset:
        """Raises PresetNotFound."""
        text = self._read(lambda: self._redis.hget(presets_key(spec.name), name))
        preset = _restore(spec, name.encode(), text) if text else None
        if not preset:
            raise PresetNotFound(f"{spec.name} has no preset {name!r}.")
        return preset

    @staticmethod
    def _read(ask: Callable[[], Any]) -> Any:
        """Return what Redis answers; None for a key of another type."""
        try:
            return ask()
        except ResponseError as error:
            return readable(error, None)

    def save(self, spec: TaskSpec, name: str, values: dict[str, Any], user: Identity) -> None:
        """Save these values of parameters, in place of a preset of the same name.

        Raises InvalidArguments, PresetsFull, PresetOfAnother.
        """
        if not _NAME.fullmatch(name):
            raise InvalidArguments([FieldError("/-preset", _BAD_NAME)])
        _check(spec, values)
        content = to_json({"input": values, "changed_at": clock.utc_now().isoformat()})
        if len(content) > MAX_BYTES:
            raise InvalidArguments([FieldError("", f"A preset may have {MAX_BYTES:,} bytes. These values have more.")])
        self._change(spec, name, user.name.encode() + b"\n" + content, user)

    def delete(self, spec: TaskSpec, name: str, user: Identity) -> None:
        """Raises PresetNotFound, PresetOfAnother."""
        self._change(spec, name, b"", user)

    def _change(self, spec: TaskSpec, name: str, content: bytes, user: Identity) -> None:
        by = "" if user.role == "operator" else user.name
        word, owner = _CHANGE(self._redis, spec.name, name, content, by, MAX_PRESETS)
        match word.decode():
            case _Answer.MISSING:
                raise PresetNotFound(f"{spec.name} has no preset {name!r}.")
            case _Answer.FULL:
                raise PresetsFull(f"{spec.name} has {MAX_PRESETS} presets, and may have no more. Delete one first.")
            case _Answer.OF_ANOTHER:
                whose = owner.decode(errors="replace") or "nobody"
                raise PresetOfAnother(
                    f"The preset {name!r} belongs to {whose}. Choose another name, or ask an operator to change it."
                )


_BAD_NAME = (
    f"A name has 1 to {MAX_NAME} letters, digits, spaces and characters of . , : ( ) + - _ and begins with a letter, "
    "a digit or _."
)


def left_out(spec: TaskSpec) -> set[str]:
    """Return the parameters that are no part of a preset."""
    return spec.file_parameters.keys() | spec.secret_parameters


def _check(spec: TaskSpec, values: dict[str, Any]) -> None:
    """Raise InvalidArguments if a value is wrong. Parameters and fields of a group may be missing."""
    refused = left_out(spec) & values.keys()
    errors = [FieldError(f"/{name}", "Files and secrets are no part of a preset.") for name in sorted(refused)]
    try:
        check(spec, values)
    except InvalidArguments as error:
        errors += [one for one in error.errors if _is_given(one, values)]
    if errors:
        raise InvalidArguments(errors)


def _is_given(error: FieldError, values: dict[str, Any]) -> bool:
    """Return True if the error is about a value that is there."""
    found: Any = values
    for part in error.pointer.removeprefix("/").split("/"):
        name = part.replace("~1", "/").replace("~0", "~")
        if isinstance(found, dict):
            if name not in found:
                return False
            found = found[name]
    return True


def _restore(spec: TaskSpec, name: bytes, text: bytes) -> Preset | None:
    """Return a preset, or None if it is damaged. A parameter that has become a secret since is left out."""
    owner, _, content = text.partition(b"\n")
    try:
        stored = json.loads(content)
        return Preset(
            name.decode(),
            {key: value for key, value in stored["input"].items() if key not in left_out(spec)},
            owner.decode(),
            datetime.fromisoformat(stored["changed_at"]).astimezone(UTC),
        )
    except DAMAGE:
        return None
