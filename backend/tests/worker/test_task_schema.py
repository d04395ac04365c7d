"""From a signature to schemas: a parameter may have any name, and a sentence names one that no job could fill in."""

from __future__ import annotations

import pytest

from taskdesk.jobs.errors import InvalidArguments

IMPORTS = """
import re
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
    "x: Tree": "has the type Tree, which contains itself",
    "x: Annotated[int, Field(json_schema_extra={'minimum': 'x'})]": "has a JSON Schema that no form can show",
    "x: Annotated[int, Field(json_schema_extra={'type': 'nothing'})]": "has a JSON Schema that no form can show",
    "x": "has no type: annotate it, say `x: str`",
    "x: int, /": "has no name for a job, which names its arguments: remove the / from the signature",
    "*x: int": "has no name of its own: name every parameter (decorators keep names with functools.wraps)",
    "**x": "has no name of its own",
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
