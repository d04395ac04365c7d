"""Compare the costs to check a body of JSON with the costs to read it: seconds of CPU and bytes of memory.

A program, since what Rust takes shows in the peak of a process alone. `python -m tests.costs BYTES` prints as JSON, for
each case and check: the length of the body, and the costs to read it, and to read and check it.
"""

from __future__ import annotations

import json
import os
import resource
import sys
import time
from collections.abc import Callable, Iterator
from typing import Annotated, Any, Literal

from pydantic import BaseModel, Field
from pydantic_core import from_json

from taskdesk.jobs.arguments import check, check_many
from taskdesk.jobs.errors import InvalidArguments
from taskdesk.jobs.strict_json import parse_json
from taskdesk.worker.discovery import describe
from taskdesk.worker.settings import WorkerSettings


class _Row(BaseModel):
    name: str
    values: list[float]


Made = Callable[[int], str]  # returns JSON of about this many bytes


def _list(entry: str) -> Made:
    return lambda size: f"[{','.join([entry] * (size // (len(entry) + 1)))}]"


def _object(value: str) -> Made:
    return lambda size: "{" + ",".join(f'"k{n:07}":{value}' for n in range(size // (len(value) + 12))) + "}"


def _late(entry: str, last: str) -> Made:
    return lambda size: f"{_list(entry)(size)[:-1]},{last}]"


def _numbers(size: int) -> str:
    return json.dumps(list(range(size // 9)))


def _text(size: int) -> str:
    return json.dumps("a" * size)


def _long_name(size: int) -> str:
    return f'{{"{"k" * (size // 2)}":{_object(json.dumps("x"))(size // 2)}}}'


_Color = Literal[tuple(f"color-{n:05}" for n in range(5000))]  # type: ignore[valid-type]
_Short = Annotated[str, Field(pattern=r"^(a+)+$", max_length=10)]

# The type of a parameter, and a value for it.
WRONG: dict[str, tuple[Any, Made]] = {
    "list": (list[int], _list('"x"')),
    "list of a number or null": (list[int | None], _list('"x"')),
    "list of several types": (list[int | bool | None], _list('"x"')),
    "list or null": (list[int] | None, _list('"x"')),
    "list of lists": (list[list[int]], _list('["x"]')),
    "list of constants": (list[Literal["a", "b"]], _list('"x"')),
    "list of one of many": (list[_Color], _list('"color-x"')),
    "list of objects": (list[_Row], _list('{"name":1,"values":["x"]}')),
    "list of empty objects": (list[_Row], _list("{}")),
    "list in an object": (_Row, lambda size: f'{{"name":1,"values":{_list("null")(size)}}}'),
    "list with one that is wrong": (list[int | None], _late("1", '"x"')),
    "set": (set[int], _list("11")),
    "pair": (tuple[int, list[int]], lambda size: f"[1,{_list('null')(size)}]"),
    "object": (dict[str, int], _object('"x"')),
    "object of lists": (dict[str, list[int | None]], _object('["x"]')),
    "object with a long name": (dict[str, dict[str, int]], _long_name),
    "text for a number": (int, _text),
    "text that is too long": (_Short, _text),
    "list for a number": (int, _list("1")),
    "unknown names": (int, lambda size: f"1,{_object('1')(size)[1:-1]}"),
}
RIGHT: dict[str, tuple[Any, Made]] = {
    "list": (list[int], _list("1")),
    "list of a number or null": (list[int | None], _list("null")),
    "list of one of many": (list[_Color], _list('"color-04999"')),
    "list of objects": (list[_Row], _list('{"name":"1","values":[1]}')),
    "set": (set[int], _numbers),
    "object of lists": (dict[str, list[int | None]], _object("[1]")),
    "text": (Annotated[str, Field(pattern=r"^(a+)+$")], _text),
}


def main(size: int) -> None:
    costs = {
        f"{kind} {name}, {way}": cost
        for kind, cases in (("wrong", WRONG), ("right", RIGHT))
        for name, (annotation, made) in cases.items()
        for way, cost in _costs(annotation, made, size)
    }
    print(json.dumps(costs))


def _costs(annotation: Any, made: Made, size: int) -> Iterator[tuple[str, Any]]:
    """Return the checks: arguments of one job in the web and in the worker, and of a thousand jobs."""

    def task(x: Any) -> None: ...

    task.__annotations__ = {"x": annotation}
    loaded = describe(f"tests.{task.__name__}", task, WorkerSettings(tasks="tests", _env_file=None))
    one = f'{{"x":{made(size)}}}'.encode()
    part = f'{{"x":{made(size // 1000)}}}'
    many = f"[{','.join([part] * 1000)}]".encode()
    yield "web", _compared(one, parse_json, lambda values: check(loaded.spec, values))
    yield "worker", _compared(one, from_json, loaded.validate)
    yield "batch", _compared(many, parse_json, lambda inputs: check_many(loaded.spec, inputs))


def _compared(body: bytes, read: Callable[[bytes], Any], check: Callable[[Any], object]) -> tuple[Any, ...]:
    return len(body), _cost(lambda: read(body)), _cost(lambda: check(read(body)))


def _cost(work: Callable[[], object]) -> tuple[float, int, int]:
    """Return CPU seconds, peak bytes and the number of errors named, measured in a process of its own."""
    reading, writing = os.pipe()
    if not os.fork():
        before, began, errors = _peak(), time.process_time(), 0
        try:
            work()
        except InvalidArguments as error:
            errors = len(error.errors)
        os.write(writing, json.dumps([time.process_time() - began, _peak() - before, errors]).encode())
        os._exit(0)
    os.close(writing)
    with open(reading, "rb") as answer:
        cost = json.load(answer)
    os.wait()
    return tuple(cost)


def _peak() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


if __name__ == "__main__":
    main(int(sys.argv[1]))
