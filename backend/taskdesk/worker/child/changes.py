"""Notice by one comparison whether a job has changed its process: attributes of objects, and what functions return.

Every job pays for this. Between two system calls most of its code and data is out of the processor's caches, and each
step of Python costs a multiple of what it costs in a loop. So all attributes of an object are read by one call, from
its dict.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping
from functools import partial
from itertools import chain
from operator import call, itemgetter
from typing import Any, NamedTuple

Attribute = tuple[Any, str]  # an object and the name


class Watched(NamedTuple):
    """What shows a change. `functions` should be written in C."""

    attributes: list[Attribute]
    functions: list[Callable[[], Any]]


class Changes:
    """Those since this object was made."""

    def __init__(self, watched: list[Watched]):
        names = defaultdict[int, list[str]](list)
        dicts: dict[int, Mapping[str, Any]] = {}
        for owner, name in chain.from_iterable(each.attributes for each in watched):
            dicts[id(owner)] = vars(owner)
            names[id(owner)].append(name)
        attributes = [partial(itemgetter(*names[number]), fields) for number, fields in dicts.items()]
        functions = chain.from_iterable(each.functions for each in watched)
        self._reads: list[Callable[[], Any]] = [*attributes, *functions]
        self._before = [copy_of(read()) for read in self._reads]

    def are_there(self) -> bool:
        try:
            return list(map(call, self._reads)) != self._before
        except Exception:  # a folder is gone, or an attribute
            return True


def copy_of(value: Any) -> Any:
    """Return a copy of a list, dict or tuple with copies of those inside; any other value is returned itself."""
    if type(value) in (list, tuple):
        return type(value)(map(copy_of, value))
    return value.copy() if type(value) is dict else value
