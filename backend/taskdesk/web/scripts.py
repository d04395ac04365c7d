"""Join each script of web/static with the modules that it imports, so that a page loads it in one request.

A module becomes a function that is called at once and returns what the module exports. SHARED modules are loaded by
every page: they stay modules of their own, which a browser loads and runs once.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

SHARED = ("time.js", "keys.js")
_IMPORT = re.compile(r'^import (?:(\{[^}\n]+\}) from )?"\./([\w.]+)";[^\n]*\n', re.MULTILINE)
_EXPORT = re.compile(r"^export (?=(?:async function|function|const|class) (\w+))", re.MULTILINE)
_OTHERS = re.compile(r"^(?:import\b(?!\()|export\b).*", re.MULTILINE)
_NOISE = re.compile(r"^(?:[ \t]+|//[^\n]*\n)+", re.MULTILINE)  # indentation, and lines that are a comment


def join(name: str, sources: Mapping[str, str]) -> str:
    """Return the script with its modules in the order in which a browser would run them.

    Raises ValueError for an import or an export that is written in another way than these are.
    """
    modules = {one: sources[one] for one in _order(name, sources)}
    shared = [one for one in modules if one in SHARED and one != name]
    own = [one for one in modules if one not in shared]
    heads = [f'import * as {_variable(one)} from "./{one}";\n' for one in shared]
    exported = [found[1] for found in _EXPORT.finditer(sources[name])] if name not in SHARED else []
    ends = [f"export const {{ {', '.join(exported)} }} = {_variable(name)};\n"] if exported else []
    return "".join(heads + [_as_function(one, modules[one]) for one in own] + ends)


def _order(name: str, sources: Mapping[str, str]) -> list[str]:
    """Return the module and all that it imports, each after what it imports itself."""
    imported = [] if name in SHARED else [found[2] for found in _IMPORT.finditer(sources[name])]
    return [*dict.fromkeys(one for other in imported for one in _order(other, sources)), name]


def _as_function(name: str, source: str) -> str:
    exported = [found[1] for found in _EXPORT.finditer(source)]
    if name in SHARED:
        return _NOISE.sub("", source)
    body = _EXPORT.sub("", _IMPORT.sub(_as_constant, source))
    if other := _OTHERS.search(body):
        raise ValueError(f"{name} can't be joined: write this import or export as in the other scripts: {other[0]}")
    return f"const {_variable(name)} = (() => {{\n{_NOISE.sub('', body)}return {{ {', '.join(exported)} }};\n}})();\n"


def _as_constant(found: re.Match[str]) -> str:
    return f"const {found[1]} = {_variable(found[2])};\n" if found[1] else ""


def _variable(name: str) -> str:
    return "$" + name.removesuffix(".js")
