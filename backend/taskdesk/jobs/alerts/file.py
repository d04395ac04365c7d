"""Read ALERTS_FILE: channels, rules, and the address of the desk, as TOML.

A text of the file may name environment variables, `"${SMTP_PASSWORD}"`: they are taken from the environment, `.env`, or
a file of that name in /run/secrets. No sentence about a fault shows a value.
"""

from __future__ import annotations

import logging
import os
import re
import sys
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from dotenv import dotenv_values
from pydantic import ValidationError

from taskdesk.jobs.alerts.channels import CHANNEL, IS_NAME, SECRET_FIELDS
from taskdesk.jobs.alerts.rules import NamedRule, Rule
from taskdesk.service.errors import SettingsError
from taskdesk.service.settings import ROOT, SECRETS_FOLDER, SharedSettings

MAX_BYTES = 1_000_000
_VARIABLE = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)\}")
_ADDRESS = re.compile(r"https?://[^\s\"<>]+")

log = logging.getLogger("alerts")


@dataclass(frozen=True)
class AlertsFile:
    """What the file says. A channel or rule with a fault is left out, and `faults` has a sentence for it.

    `address`: where people find the desk, without a slash at its end; empty: messages have no links. `variables`: those
    of the environment that have secrets of channels.
    """

    address: str = ""
    channels: Mapping[str, Any] = field(default_factory=dict)
    rules: tuple[NamedRule, ...] = ()
    faults: tuple[str, ...] = ()
    variables: frozenset[str] = frozenset()


def read_alerts_file(settings: SharedSettings) -> AlertsFile:
    """Return the channels and rules of ALERTS_FILE; none if it is not set. Nothing is raised."""
    if not settings.alerts_file:
        return AlertsFile()
    path = ROOT / settings.alerts_file
    try:
        if path.stat().st_size > MAX_BYTES:
            return AlertsFile(faults=(f"{path} has more than {MAX_BYTES:,} bytes.",))
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        return AlertsFile(faults=(f"ALERTS_FILE names {path}, which can't be read: {error.strerror}.",))
    except UnicodeDecodeError:
        return AlertsFile(faults=(f"{path} is not UTF-8: save it as UTF-8.",))
    return parse_alerts_file(text, str(path))


def check_alerts_file(settings: SharedSettings) -> AlertsFile:
    """Read the file at the start of a program. With faults, prod ends with status 2, and dev logs them."""
    found = read_alerts_file(settings)
    if found.faults and settings.env == "prod":
        print(SettingsError(list(found.faults)), file=sys.stderr)
        raise SystemExit(2)
    for fault in found.faults:
        log.error("%s", fault)
    return found


def parse_alerts_file(text: str, name: str = "alerts.toml") -> AlertsFile:
    """Return what the text says. `name` stands before each fault, with the line."""
    try:
        content = tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        return AlertsFile(faults=(f"{name} is no valid TOML: {error}.",))
    return _Reading(text, name).read(content)


class _Reading:
    """One reading of the file, which collects its faults."""

    def __init__(self, text: str, name: str):
        self._lines = text.splitlines()
        self._name = name
        self._faults: list[str] = []
        self._variables: dict[str, str] | None = None

    def read(self, content: dict[str, Any]) -> AlertsFile:
        for name in sorted(content.keys() - {"address", "channels", "rules"}):
            self._fault((name,), "there is no such entry: use address, [channels.NAME] and [rules.NAME]")
        address = self._address(content.get("address", ""))
        channels = {
            name: channel
            for name, values in self._tables(content, "channels")
            if (channel := self._parse(CHANNEL.validate_python, ("channels", name), values))
        }
        given = content.get("channels")
        known = {*given} if isinstance(given, dict) else set()
        rules = tuple(self._rules(content, known))
        return AlertsFile(address, channels, rules, tuple(self._faults), _secret_variables(given))

    def _rules(self, content: dict[str, Any], known: set[str]) -> Iterator[NamedRule]:
        for name, values in self._tables(content, "rules"):
            place = ("rules", name)
            rule = self._parse(Rule.model_validate, place, values)
            if not rule:
                continue
            for channel in rule.channels:
                if channel not in known:
                    self._fault((*place, "channels"), f"there is no channel {channel!r}: add [channels.{channel}]")
            yield NamedRule(name, rule, "file")

    def _address(self, value: Any) -> str:
        try:
            text = str(self._filled(value))
        except LookupError as error:
            self._fault(("address",), str(error.args[0]))
            return ""
        if text and not _ADDRESS.fullmatch(text):
            self._fault(("address",), "it has to be the address of this desk, such as https://desk.example.org")
            return ""
        return text.rstrip("/")

    def _tables(self, content: dict[str, Any], kind: str) -> Iterator[tuple[str, dict[str, Any]]]:
        tables = content.get(kind, {})
        if not isinstance(tables, dict):
            self._fault((kind,), f"write each as a table [{kind}.NAME]")
            return
        for name, values in tables.items():
            if not IS_NAME.fullmatch(name):
                self._fault((kind, name), "a name has 1 to 64 letters, digits, - and _")
            elif not isinstance(values, dict):
                self._fault((kind, name), f"it has to be a table [{kind}.{name}]")
            else:
                yield name, values

    def _parse(self, validate: Any, place: tuple[str, ...], values: dict[str, Any]) -> Any:
        try:
            return validate(self._filled(values))
        except LookupError as error:
            self._fault((*place, *error.args[1]), str(error.args[0]))
        except ValidationError as error:
            for field, message in faults_of(error).items():
                self._fault((*place, *([field] if field else [])), message)
        return None

    def _filled(self, value: Any, path: tuple[str, ...] = ()) -> Any:
        """Return the value with its variables filled in. Raises LookupError: a sentence, and the path to the text."""
        if isinstance(value, dict):
            return {name: self._filled(one, (*path, name)) for name, one in value.items()}
        if isinstance(value, list):
            return [self._filled(one, path) for one in value]
        return _VARIABLE.sub(lambda found: self._variable(found[1], path), value) if isinstance(value, str) else value

    def _variable(self, name: str, path: tuple[str, ...]) -> str:
        if name in os.environ:
            return os.environ[name]
        if self._variables is None:
            self._variables = {key: value or "" for key, value in dotenv_values(ROOT / ".env").items()}
        if name in self._variables:
            return self._variables[name]
        try:
            return (SECRETS_FOLDER / name).read_text(encoding="utf-8").rstrip("\r\n")
        except (OSError, UnicodeDecodeError):
            raise LookupError(f"the environment variable {name} is not set", path) from None

    def _fault(self, path: tuple[str, ...], sentence: str) -> None:
        line = _line_of(self._lines, path)
        where = f"{self._name}, line {line}" if line else self._name
        self._faults.append(f"{where}: {'.'.join(path)}: {sentence}.")


def _secret_variables(channels: Any) -> frozenset[str]:
    """Return the environment variables that secret fields of these tables name."""
    tables = [one for one in channels.values() if isinstance(one, dict)] if isinstance(channels, dict) else []
    texts = [str(table.get(name, "")) for table in tables for name in SECRET_FIELDS]
    return frozenset(name for text in texts for name in _VARIABLE.findall(text))


_WORDS = {  # by pydantic's type of an error
    "missing": "it is missing",
    "extra_forbidden": "there is no such field: remove it",
    "int_parsing": "it has to be a whole number",
    "int_type": "it has to be a whole number",
    "string_type": "it has to be a text",
    "bool_type": "it has to be true or false",
    "bool_parsing": "it has to be true or false",
    "tuple_type": 'it has to be a list, such as ["ops"]',
    "literal_error": "it has to be {expected}",
    "greater_than_equal": "it has to be at least {ge}",
    "less_than_equal": "it has to be at most {le}",
    "too_short": "it needs at least {min_length} entry",
    "too_long": "it may have {max_length} entries at most",
    "string_too_short": "it must not be empty",
    "string_too_long": "it may have {max_length} characters at most",
    "string_pattern_mismatch": "it has characters that are not allowed here",
    "union_tag_invalid": "it has to be {expected_tags}",
    "union_tag_not_found": 'kind: it is missing: write kind = "mail", "webhook", "slack", "teams" or "ntfy"',
}


def faults_of(error: ValidationError) -> dict[str, str]:
    """Return what is wrong with a channel or a rule: by field, the first sentence about it, without its full stop."""
    faults: dict[str, str] = {}
    for one in error.errors(include_input=False, include_url=False):
        field, sentence = _fault_of(one)
        faults.setdefault(field, sentence)
    return faults


def _fault_of(error: Any) -> tuple[str, str]:
    message = error["msg"].removeprefix("Value error, ")
    ours = _WORDS.get(error["type"])
    message = ours.format(**error.get("ctx", {})) if ours else message
    kinds = ("mail", "webhook", "slack", "teams", "ntfy")  # the discriminator is a part of the location
    location = [str(part) for part in error["loc"] if isinstance(part, str) and part not in kinds]
    if error["type"] == "union_tag_invalid":
        location = ["kind"]
    if not location and (found := re.match(r"(\w+): ", message)):
        return found[1], message[found.end() :]
    return ".".join(location), message


def _line_of(lines: list[str], path: tuple[str, ...]) -> int | None:
    """Return the line of an entry, or of the table that it is missing in; None if it is written in another way."""
    table, at = "", None
    key = path[-1] if len(path) != 2 else None
    wanted = ".".join(path[:2]).replace(" ", "") if len(path) >= 2 else ""
    for number, line in enumerate(lines, 1):
        if header := re.match(r"\s*\[+\s*([^\]]+?)\s*\]", line):
            table = header[1].replace('"', "").replace(" ", "")
            if table == wanted or (len(path) == 1 and table.partition(".")[0] == path[0]):
                at = at or number
        elif table == wanted and key and re.match(rf"\s*\"?{re.escape(key)}\"?\s*=", line):
            return number
    return at
