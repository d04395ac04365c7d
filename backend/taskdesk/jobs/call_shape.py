"""How a call in Python's way, with positional arguments, becomes one in which each argument has a name."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from pydantic import BaseModel, ConfigDict


class CallShape(BaseModel):
    """`by_place`: the parameters that take a positional argument, in order. The first `only_by_place` take no other.

    `rest`: the name of `*args`, which takes the other positional ones, and `named_rest`: that of `**kwargs`; each is
    empty if the function has none.
    """

    model_config = ConfigDict(frozen=True)

    by_place: tuple[str, ...] = ()
    only_by_place: int = 0
    rest: str = ""
    named_rest: str = ""

    @property
    def is_special(self) -> bool:
        """Return True if not every argument of a call can be named."""
        return bool(self.only_by_place or self.rest or self.named_rest)

    def named(self, positional: Sequence[Any], named: Mapping[str, Any], parameters: Collection[str]) -> dict[str, Any]:
        """Return the arguments by name, with a list for `*args` and a dict for `**kwargs`.

        `parameters`: those of the task. A name that is none of them goes to `**kwargs`, if there are any. Raises
        TypeError.
        """
        arguments = dict(zip(self.by_place, positional, strict=False))
        if twice := arguments.keys() & named.keys():
            raise TypeError(f"These arguments have two values: {', '.join(sorted(twice))}.")
        surplus = positional[len(self.by_place) :]
        if surplus and not self.rest:
            raise TypeError(f"The task takes {len(self.by_place)} positional arguments, and not {len(positional)}.")
        arguments |= named
        if surplus:
            arguments[self.rest] = [*surplus, *arguments.get(self.rest, ())]
        others = {name: arguments.pop(name) for name in arguments.keys() - set(parameters)} if self.named_rest else {}
        if others:
            arguments[self.named_rest] = {**arguments.get(self.named_rest, {}), **others}
        return arguments

    def called(self, arguments: Mapping[str, Any]) -> tuple[list[Any], dict[str, Any]]:
        """Return the positional and the named arguments of the call, as Python and a stock worker make it.

        If Python can't make it, because an argument before others is left to its default, all are named: then only
        our workers run it.
        """
        named = dict(arguments)
        others = named.pop(self.named_rest, {}) if self.named_rest else {}
        surplus = named.pop(self.rest, []) if self.rest else []
        places = self.by_place if surplus else self.by_place[: self.only_by_place]
        given = [name for name in places if name in named]
        is_clear = others.keys().isdisjoint({*self.by_place, self.rest, self.named_rest})
        if list(places[: len(given)]) != given or (surplus and len(given) < len(places)) or not is_clear:
            return [], dict(arguments)
        return [*(named.pop(name) for name in given), *surplus], {**named, **others}
