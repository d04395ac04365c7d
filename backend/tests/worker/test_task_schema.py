"""From a signature to schemas: a parameter may have any name, and a sentence names one that no job could fill in."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal

import pytest

from taskdesk.jobs.arguments import check
from taskdesk.jobs.errors import InvalidArguments

IMPORTS = """
import asyncio, re
from decimal import Decimal
from enum import Enum
from typing import *
from pydantic import BaseModel, Field
if TYPE_CHECKING:
    from pandas import DataFrame
Empty = Enum("Empty", [])
class Plain: pass
class Tree(BaseModel):
    inner: "Tree | None" = None
"""
FUTURE = "from __future__ import annotations\n"


@pytest.fixture
def discover_one(discover_source):
    """Discover one function `f`, and return its task and the sentence if it is broken."""

    def discover_one(source: str, future: str = ""):
        registry = discover_source(one=future + IMPORTS + source, other="def works(): ...")
        assert "some_tasks.works" in registry.tasks
        [error] = [(one.module, one.error) for one in registry.catalog.broken] or [None]
        return registry.tasks.get("some_tasks.f"), error

    return discover_one


@pytest.mark.parametrize(
    "signature",
    [
        "def f(n: int) -> 'DataFrame': return n",
        "def f(n: int) -> 'DataFrame | None': return n",
        "def f(n: int) -> 'dict[str, List[DataFrame]]': return n",
        "def f(n: int) -> 'no type at all': return n",
        "def f(n: int) -> 1 / 2: return n",
    ],
)
@pytest.mark.parametrize("future", ["", FUTURE])
def test_a_return_type_that_cannot_be_found_costs_only_the_output_schema(discover_one, signature, future):
    task, error = discover_one(signature, future)

    assert error is None
    assert (task.spec.output_schema, task.spec.parameters["n"]["type"]) == (None, "integer")
    assert task.function(**task.validate({"n": 5})) == 5


@pytest.mark.parametrize("future", ["", FUTURE])
def test_the_types_of_a_decorated_function_are_looked_up_where_it_was_written(discover_source, future):
    tools = "from functools import wraps\ndef keep(f):\n @wraps(f)\n def g(*a, **k): return f(*a, **k)\n return g\n"
    source = (
        "from some_tasks._tools import keep\nfrom datetime import date\n@keep\ndef f(day: date) -> date: return day"
    )

    spec = discover_source(_tools=tools, one=future + source).catalog.tasks["f"]

    assert (spec.parameters["day"]["format"], spec.output_schema["format"]) == ("date", "date")


NAMES = [
    "_path",
    "__x",
    "model_config",
    "model_fields",
    "model_post_init",
    "model_dump",
    "schema",
    "copy",
    "json",
    "dict",
]
NAMES += ["validate", "self", "cls", "parameter_0", "name", "task", "function", "größe", "class_", "default", "enum"]


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("signature", ["{}: int, other: str = 'x'", "other: str = 'x', *, {}: int", "{}: int = 3"])
def test_a_parameter_may_have_any_name(discover_one, recwarn, name, signature):
    task, error = discover_one(f"def f({signature.format(name)}): return {name}")

    assert error is None
    assert name in task.spec.parameters
    assert task.spec.parameters[name]["type"] == "integer"
    assert task.function(**task.validate({name: 5})) == 5
    with pytest.raises(InvalidArguments) as caught:
        task.validate({name: "x"})
    assert caught.value.errors[0].pointer == f"/{name}"
    with pytest.raises(InvalidArguments):
        task.validate({"parameter_1": 5, name: 5})
    assert list(recwarn) == []


@pytest.mark.parametrize("field", ["alias='y'", "validation_alias='y'", "serialization_alias='y'"])
def test_a_parameter_is_called_by_its_own_name_whatever_aliases_it_has(discover_one, field):
    task, error = discover_one(f"def f(x: Annotated[int, Field({field})]): return x")

    assert error is None
    assert list(task.spec.parameters) == ["x"]
    assert task.validate({"x": 1}) == {"x": 1}


@pytest.mark.parametrize(
    ("signature", "announced", "default"),
    [
        ("x: int = Field(5, ge=1)", {"default": 5, "minimum": 1}, 5),
        ("x: Annotated[int, Field(ge=1)] = 5", {"default": 5, "minimum": 1}, 5),
        ("x: Annotated[list[str], Field(default_factory=lambda: ['q'])]", {}, ["q"]),
        ("x: int = object", {}, object),
        ("x: None = None", {"default": None, "type": "null"}, None),
    ],
)
def test_a_default_is_announced_and_used(discover_one, signature, announced, default):
    task, error = discover_one(f"def f({signature}): return x")

    assert error is None
    assert announced.items() <= task.spec.parameters["x"].items()
    assert task.validate({}) == {"x": default}


BROKEN = {
    "x: 'DataFrame'": "has the type DataFrame, but name 'DataFrame' is not defined: define it, or import it outside of",
    "x: 'list[DataFrame] | None' = None": "has the type list[DataFrame] | None, but name 'DataFrame' is not defined",
    "x: list['Missing']": "but name 'Missing' is not defined",
    "x: 'no type'": "has the type no type, which can't be made from JSON: docs/tasks.md lists types",
    "x: Plain": "has the type some_tasks.one.Plain, which can't be made from JSON",
    "x: list[Plain | int]": "which can't be made from JSON",
    "x: dict[tuple[int, int], str]": "has the type dict[tuple[int, int], str], which can't be made from JSON",
    "x: Callable[[int], int]": "which can't be made from JSON",
    "x: Literal[()]": "has the type Literal[()], which can't be made from JSON",
    "x: Annotated[float, Field(multiple_of=0)]": "has the type float with its Field, which can't be made from JSON",
    "x: Annotated[str, Field(pattern='(?!x)')]": "has a pattern that can't be used: look-around, including",
    "x: str = Field('', pattern='[')": "has a pattern that can't be used: unclosed character class. With re.compile",
    r"x: list[Annotated[str, Field(pattern=r'(a)\1')]]": "can't be used: backreferences are not supported",
    r"x: Annotated[str, Field(pattern=r'(?:\w{1,1000}){1000}')]": "can't be used: it is too large",
    "x: Empty": "offers nothing to choose: give its Enum a value",
    "x: Empty | None = None": "offers nothing to choose",
    "x: dict[str, list[Empty]]": "offers nothing to choose",
    "*x: Plain": "has the type some_tasks.one.Plain, which can't be made from JSON",
    "x: Tree": "has the type Tree, which contains itself",
    "x: Annotated[int, Field(json_schema_extra={'minimum': 'x'})]": "has a JSON Schema that no form can show",
    "x: Annotated[int, Field(json_schema_extra={'type': 'nothing'})]": "has a JSON Schema that no form can show",
}


@pytest.mark.parametrize("signature", BROKEN)
def test_a_sentence_names_the_parameter_that_no_job_could_fill_in(discover_one, signature):
    task, error = discover_one(f"def f({signature}): ...")

    assert task is None
    assert error[0] == "some_tasks.one.f"
    assert error[1].startswith("its parameter 'x' ")
    assert BROKEN[signature] in error[1]
    assert "pydantic" not in error[1]
    assert "\n" not in error[1]


def test_a_compiled_pattern_is_one_of_python(discover_one):
    task, error = discover_one("def f(x: Annotated[str, Field(pattern=re.compile('^(?!x)'))]): ...")

    assert error is None
    assert task.validate({"x": "y"}) == {"x": "y"}
    with pytest.raises(InvalidArguments):
        task.validate({"x": "x"})


ANY = "The code gives it no type."


@pytest.mark.parametrize(
    ("signature", "given", "received"),
    [
        ("x", {"x": {"a": [1, None]}}, {"x": {"a": [1, None]}}),
        ("x=5", {}, {"x": 5}),
        ("x, /", {"x": 1}, {"x": 1}),
        ("y: int, /, x: int = 2", {"y": 1}, {"y": 1, "x": 2}),
        ("*x: int", {"x": [1, "2"]}, {"x": (1, 2)}),
        ("*x: int", {}, {"x": ()}),
        ("y: int = 1, *x", {"x": [2, "z"]}, {"y": 1, "x": (2, "z")}),
        ("y: int, *x, z: int = 3", {"y": 1, "z": 4}, {"y": 1, "x": (), "z": 4}),
        ("**x: int", {"x": {"a": 1, "not a name": 2}}, {"x": {"a": 1, "not a name": 2}}),
        ("y, /, *z, **x", {"y": 1, "z": [2], "x": {"y": 3}}, {"y": 1, "z": (2,), "x": {"y": 3}}),
        ("**x: Unpack[Options]", {"x": {"a": 1}}, {"x": {"a": 1}}),
    ],
)
@pytest.mark.parametrize("is_async", [False, True])
def test_each_signature_of_python_is_served(discover_one, signature, given, received, is_async):
    options = "class Options(TypedDict): a: int\n"
    wait = " await asyncio.sleep(0)\n" if is_async else ""
    task, error = discover_one(f"{options}{'async ' * is_async}def f({signature}):\n{wait} return locals()")

    assert error is None
    with ThreadPoolExecutor(1) as pool:  # an event loop runs in this thread after a test in a browser
        assert pool.submit(task.call, **task.validate(given)).result() == received


def test_a_function_that_takes_its_arguments_by_name_is_called_as_it_is(discover_one):
    task, _ = discover_one("def f(x: int, *, y: int = 2): ...")

    assert task.call is task.function


def test_a_parameter_without_a_type_is_any_json_and_says_so(discover_one):
    task, _ = discover_one('def f(x, *args, **kwargs):\n """Do it.\n\n :param x: What to do."""')

    described = {name: schema.get("description") for name, schema in task.spec.parameters.items()}
    assert described == {"x": f"What to do. {ANY}", "args": ANY, "kwargs": ANY}
    assert "type" not in task.spec.parameters["x"]


@pytest.mark.parametrize(
    ("signature", "given"),
    [
        ("*x: int", {"x": ["a"]}),
        ("*x: int", {"x": 5}),
        ("**x: int", {"x": {"a": "b"}}),
        ("y: int = 1, **x", {"x": {"y": 2}}),
        ("x: dict[int, int]", {"x": {"1.5": 1}}),
        ("x: dict[float, int]", {"x": {"much": 1}}),
        ("x: dict[bool, int]", {"x": {"maybe": 1}}),
        ("x: dict[Decimal, int]", {"x": {"much": 1}}),
        ("x: dict[Annotated[str, Field(pattern='^a$')], int]", {"x": {"b": 1}}),
        ("x: dict[Annotated[str, Field(pattern='^a$')], int]", {"x": {"a": "b"}}),
        ("**x: Unpack[Options]", {"x": {}}),
        ("**x: Unpack[Options]", {}),
    ],
)
def test_arguments_that_do_not_fit_are_refused_by_web_and_worker(discover_one, signature, given):
    task, _ = discover_one(f"class Options(TypedDict): a: int\ndef f({signature}): ...")

    with pytest.raises(InvalidArguments):
        check(task.spec, given)
    with pytest.raises(InvalidArguments):
        task.validate(given)


def test_the_names_of_an_object_become_keys_of_their_type(discover_one):
    task, _ = discover_one("def f(x: dict[int, dict[Decimal, int]]): ...")
    given = {"x": {"1": {"2.50": 3}}}

    check(task.spec, given)

    assert task.validate(given) == {"x": {1: {Decimal("2.50"): 3}}}


@pytest.mark.parametrize(
    ("positional", "named", "arguments"),
    [
        ([1, 2, 3], {}, {"a": 1, "b": 2, "args": [3]}),
        ([1], {"b": 2, "c": 3, "d": 4}, {"a": 1, "b": 2, "kwargs": {"c": 3, "d": 4}}),
        ([], {"a": 1, "args": [2], "kwargs": {"c": 3}}, {"a": 1, "args": [2], "kwargs": {"c": 3}}),
    ],
)
def test_a_call_of_plain_rq_gives_each_argument_its_name(discover_one, positional, named, arguments):
    task, _ = discover_one("def f(a, b=5, *args, **kwargs): ...")

    assert task.spec.named(positional, named) == arguments


@pytest.mark.parametrize(
    ("signature", "arguments", "call"),
    [
        ("a, b=5, *args", {"a": 1, "b": 2, "args": [3]}, ([1, 2, 3], {})),
        ("a, b=5, *args", {"a": 1, "args": []}, ([], {"a": 1})),
        ("a, b=5, *args", {"a": 1, "args": [3]}, ([], {"a": 1, "args": [3]})),
        ("a, /, b", {"a": 1, "b": 2}, ([1], {"b": 2})),
        ("a=1, b=2, /", {"b": 2}, ([], {"b": 2})),
        ("a, **kwargs", {"a": 1, "kwargs": {"c": 3}}, ([], {"a": 1, "c": 3})),
        ("a, /, **kwargs", {"a": 1, "kwargs": {"a": 3}}, ([], {"a": 1, "kwargs": {"a": 3}})),
        ("a, b", {"a": 1, "b": 2}, ([], {"a": 1, "b": 2})),
    ],
)
def test_a_job_calls_as_python_does_so_that_a_stock_worker_can_run_it(discover_one, signature, arguments, call):
    task, _ = discover_one(f"def f({signature}): return locals()")

    assert task.spec.called(arguments) == call
    positional, named = call
    again = task.call(**task.validate(task.spec.named(positional, named)))
    assert again == task.call(**task.validate(arguments))


@pytest.mark.parametrize(
    ("positional", "named", "sentence"),
    [
        ([1, 2], {}, "The task takes 1 positional arguments, and not 2."),
        ([1], {"a": 2}, "These arguments have two values: a."),
    ],
)
def test_a_call_of_plain_rq_that_does_not_fit_is_named(discover_one, positional, named, sentence):
    task, _ = discover_one("def f(a, *, b=5): ...")

    with pytest.raises(TypeError) as caught:
        task.spec.named(positional, named)
    assert str(caught.value) == sentence


DOCSTRINGS = {
    "Google": """
    Args:
        x: What to do,
            at length.
        y (int): How often.
    """,
    "NumPy": """
    Parameters
    ----------
    x : str
        What to do,
        at length.
    y
        How often.
    """,
    "Sphinx": """
    :param str x: What to do,
        at length.
    :param y: How often.
    :type y: int
    """,
}


@pytest.mark.parametrize("style", DOCSTRINGS)
def test_the_docstring_explains_the_parameters(discover_one, style):
    signature = 'x: str, y: Annotated[int, Field(description="Own text.")] = 1, z: int = 2'
    task, _ = discover_one(f'def f({signature}):\n    """Do it.\n\n    All of it.\n{DOCSTRINGS[style]}"""')

    described = {name: schema.get("description") for name, schema in task.spec.parameters.items()}
    assert described == {"x": "What to do, at length.", "y": "Own text.", "z": None}
    assert (task.spec.title, task.spec.description) == ("Do it.", "All of it.")


def test_a_docstring_without_parameters_is_shown_as_it_is(discover_one):
    task, _ = discover_one('def f(x: int):\n    """Do it: now.\n\n    Note:\n        All of it.\n\n    :-)\n    """')

    assert (task.spec.title, task.spec.description) == ("Do it: now.", "Note:\n    All of it.\n\n:-)")


def test_an_async_generator_is_no_task(discover_one):
    _, error = discover_one("async def f():\n yield 1")

    assert error == ("some_tasks.one.f", "it is an async generator: let it return a value, in place of yield")
