"""The texts of a task, from its docstring: of Google's, NumPy's and Sphinx's style, or none of them."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable
from functools import partial
from typing import Any, NamedTuple

from docstring_parser import Docstring, ParseError, parse

from taskdesk.worker.task_schema import signature

_NO_TYPE = "The code gives it no type."


class Documentation(NamedTuple):
    """`parameters`: a text for each that the docstring explains."""

    title: str
    description: str
    parameters: dict[str, str]


def documentation(name: str, sources: Iterable[Callable[..., Any]]) -> Documentation:
    """Return the texts of the first of these that has a docstring; the name in words if none has."""
    texts = (inspect.getdoc(source) for source in sources if source.__doc__ != partial.__doc__)
    text = next((text.strip() for text in texts if text and text.strip()), name.replace("_", " ").capitalize())
    title, _, rest = text.partition("\n")
    title = title.replace("`", "").strip()  # it also stands where there is no code
    parsed = _parsed(text)
    if not parsed.params:
        return Documentation(title, rest.strip(), {})
    helps = {one.arg_name.lstrip("*"): " ".join((one.description or "").split()) for one in parsed.params}
    returns = parsed.returns and parsed.returns.description
    parts = (parsed.long_description, f"Returns: {returns}" if returns else "")
    return Documentation(title, "\n\n".join(filter(None, parts)), {k: v for k, v in helps.items() if v})


def _parsed(text: str) -> Docstring:
    try:
        return parse(text)
    except ParseError:  # it only looks like one of these styles
        return Docstring()


def add_help(schema: dict[str, Any], function: Callable[..., Any], helps: dict[str, str]) -> dict[str, Any]:
    """Return the schema of the arguments with these texts for the parameters that have none of their own.

    The text of a parameter without a type says so.
    """
    signed = signature(function).parameters
    shown = {}
    for name, parameter in schema.get("properties", {}).items():
        no_type = _NO_TYPE if signed[name].annotation is inspect.Parameter.empty else ""
        text = " ".join(filter(None, (parameter.get("description") or helps.get(name), no_type)))
        shown[name] = {**parameter, "description": text} if text else parameter
    return {**schema, "properties": shown} if shown else schema
