"""The text about each setting, for `--help` of our programs and for README's tables: its `description`."""

from __future__ import annotations

import textwrap
from dataclasses import dataclass
from typing import Any

from pydantic import SecretStr

from taskdesk.service.settings import SharedSettings

_INTRODUCTION = """\
This program takes no arguments. It reads its settings from the environment, from the file that FLASK_CONFIG names
(YAML or JSON), from .env, and from files in /run/secrets; the first of these that has a setting wins.

The settings, with their defaults in brackets:
"""


@dataclass(frozen=True)
class SettingHelp:
    """The help on one setting. `name` is in capitals; `default` is that of dev."""

    name: str
    default: str
    description: str


def settings_help(settings_class: type[SharedSettings]) -> list[SettingHelp]:
    """Return the help of each setting of the class, in its order, those of its bases first."""
    texts = []
    values: dict[str, Any] = {}
    for name, field in settings_class.model_fields.items():
        values[name] = field.get_default(call_default_factory=True, validated_data=values)
        texts.append(SettingHelp(name.upper(), _as_text(values[name]), field.description or ""))
    return texts


def help_page(settings_class: type[SharedSettings]) -> str:
    """Return the text that `--help` prints."""
    lines = [_INTRODUCTION]
    for setting in settings_help(settings_class):
        lines.append(f"  {setting.name} [{setting.default}]")
        lines += textwrap.wrap(setting.description, 112, initial_indent=" " * 6, subsequent_indent=" " * 6)
    return "\n".join(lines)


def _as_text(default: object) -> str:
    if isinstance(default, SecretStr):
        return default.get_secret_value()
    if isinstance(default, tuple):
        return ",".join(default)
    return ("on" if default else "off") if isinstance(default, bool) else str(default)
