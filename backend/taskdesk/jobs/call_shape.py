"""How a call in Python's way, with positional arguments, becomes one in which each argument has a name."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from pydantic import BaseModel, ConfigDict


class CallShape(BaseModel):
    """`by_place`: the parameters that take a positional argument, in order. `rest`: the name of `*args`, which takes
    the others, and `named_rest`: that of `**kwargs`; each is empty if the function has none.
    """

    model_config = ConfigDict(frozen=True)

    by_place: tuple[str, ...] = ()
    rest: str = ""
    named_rest: str = ""

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
