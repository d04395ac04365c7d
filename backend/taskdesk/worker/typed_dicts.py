"""`typing.TypedDict` for Python 3.11, where pydantic takes only that of typing_extensions."""

from __future__ import annotations

import sys
import typing
from typing import Any, NotRequired, Required

from typing_extensions import TypedDict


def allow_typed_dicts() -> None:
    """Let pydantic read a `typing.TypedDict` as the same one of typing_extensions."""
    if sys.version_info < (3, 12):
        typing._TypedDictMeta.__get_pydantic_core_schema__ = _core_schema  # type: ignore[attr-defined]


def _core_schema(cls: Any, source: Any, handler: Any) -> Any:
    marks = {name: Required if name in cls.__required_keys__ else NotRequired for name in cls.__annotations__}
    hints = typing.get_type_hints(cls, include_extras=True)
    fields = {name: hint if _is_marked(hint) else marks[name][hint] for name, hint in hints.items()}
    return handler.generate_schema(TypedDict(cls.__name__, fields))  # type: ignore[operator]


def _is_marked(hint: Any) -> bool:
    return typing.get_origin(hint) in (Required, NotRequired)
