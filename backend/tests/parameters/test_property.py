"""One rule for every type: whichever way a value is sent, the function gets the same, or each way answers 422."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta, timezone
from decimal import Decimal
from enum import Enum
from typing import Annotated, Any, Literal, NamedTuple, Required, TypedDict
from uuid import UUID

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from pydantic import BaseModel, Field, SecretStr

from taskdesk.jobs.arguments import check
from taskdesk.jobs.catalog import TaskSpec
from taskdesk.jobs.errors import InvalidArguments
from taskdesk.jobs.form_texts import read_fields, write_fields
from taskdesk.jobs.task import LongText
from taskdesk.jobs.texts import read_texts, write_texts
from taskdesk.web.pages.view.fields import FormField, form_fields
from taskdesk.worker.task_schema import arguments_model, input_schema
from taskdesk.worker.validation import validator_of


class Color(Enum):
    RED = "red"
    TWO = 2


class Point(BaseModel):
    x: int
    name: str = ""
    weight: Decimal = Decimal(1)


@dataclass
class Place:
    x: int
    day: date | None = None


class Options(TypedDict, total=False):
    x: Required[int]
    name: str


class Pair(NamedTuple):
    a: int
    b: str = "b"


KINDS: list[Any] = [
    str, LongText, int, float, bool, Decimal, date, datetime, time, timedelta, UUID, Any, Color, Point, SecretStr,
    Literal["a", "b"], Literal[True], Literal[5, "5", True, None], Literal["", "x"], Literal["null", None, "1", 1],
    Literal["sqrt", "log2"] | float | None, bool | str, int | str, str | int, date | datetime, bool | int | None,
    Decimal | str, int | float, bool | Literal["auto"], date | str, list[int] | str, dict[str, int] | list[int],
    Point | None, Place, Place | None, list[Place], dict[str, list[Place]], Options, Options | None, dict[UUID, int],
    dict[int, str], set[int], set[date], frozenset[str], list[list[int]], dict[str, dict[str, Decimal]], UUID | None,
    timedelta | None, set[int] | None, tuple[int, str] | None, tuple[Place, ...], Literal["a", 1] | None, Pair,
    list[str], list[int], list[int | str], list[bool | None], list[Literal["a", "b"]], list[datetime], list[Decimal],
    set[Literal["a", "b"]], tuple[int, str], tuple[int, ...], dict[str, Any], dict[str, Decimal], list[list[str]],
    Annotated[int, Field(ge=1, le=9)], Annotated[Decimal, Field(gt=0, max_digits=6, decimal_places=2)],
    Annotated[str, Field(pattern="^[a-z]*$", max_length=4)], Annotated[list[str], Field(min_length=1)],
]  # fmt: skip
KINDS += [
    kind | None for kind in (str, int, float, bool, date, datetime, Color, SecretStr, list[str], list[int], Decimal)
]
NULL_BY_DEFAULT = [Point, str, int, bool, list[str], datetime, Literal["a"], Decimal, int | str]

_text = st.text(max_size=8) | st.sampled_from(
    ["", " lead ", "a, b", "x\ny", "a\r\nb", "\rb", "\0", "5", "5.0", "true", "null", "yes", "[]", '"5"', "-0", "1e5",
     "a", "b", "red", "auto", "sqrt", "2026-03-29", "2026-03-29T02:30:00Z", "2026-03-29T02:30:00.123456Z",
     "2026-03-29T02:30:00+02:00", "2026-03-29T02:30", "12345678901234567.89", "PT1H", "zz", "12:30:00", "0.10",
     "123e4567-e89b-42d3-a456-426614174000", "\u2028", "<b>&amp;", "=1+1", "Ä"]
)  # fmt: skip
_scalar = (
    st.none()
    | st.booleans()
    | st.integers(-(10**20), 10**20)
    | st.floats(allow_nan=False, allow_infinity=False)
    | _text
    | st.sampled_from([10**400, -(10**30), 1e20, 5, 5.0, -0.0, 0.1, 2])
)
VALUES = (
    _scalar
    | st.lists(_scalar, max_size=4)
    | st.lists(st.sampled_from(["a", "b"]), max_size=3)
    | st.lists(st.lists(_text, max_size=2), max_size=2)
    | st.dictionaries(_text, _scalar, max_size=3)
    | st.fixed_dictionaries({"x": st.integers()}, optional={"name": _text, "weight": _scalar})
    | st.tuples(st.integers(), _text).map(list)
)


class Task:
    """A function with one parameter `x`, as web and worker know it."""

    def __init__(self, kind: Any, default: Any = ...):
        def function(x): ...

        function.__annotations__ = {"x": kind}
        if default is not ...:
            function.__defaults__ = (default,)
        model = arguments_model("a", function)
        self.receives = validator_of(model)
        self.spec = TaskSpec(
            name="a", reference="t.a", title="", description="", queue="default", timeout=1, retries=0,
            input_schema=input_schema(model),
        )  # fmt: skip

    def outcome(self, values: dict[str, Any]) -> str:
        """What the function receives, with every type; or that the web refuses it."""
        try:
            check(self.spec, values)
        except InvalidArguments:
            return "422"
        return repr([(type(one), _typed(one)) for one in self.receives(json.loads(json.dumps(values))).values()])

    def by(self, read: Any, texts: Any) -> str:
        try:
            return self.outcome(read(self.spec, texts))
        except InvalidArguments:
            return "422"

    def sent_by_a_browser(self, texts: dict[str, list[str]]) -> dict[str, list[str]]:
        """What a browser without JavaScript sends of the form, untouched."""
        fields = [one for field in form_fields(self.spec, texts) for one in field.all]
        return {name: shown for field in fields for name, shown in sent_of(field).items()}


def sent_of(field: FormField) -> dict[str, list[str]]:
    sent = (
        {f"{field.name}:as": [field.way if field.way in field.ways else next(iter(field.ways))]} if field.ways else {}
    )
    if field.control == "group":
        return sent or {f"{field.name}:as": [""]}
    if field.control == "checkbox":
        shown = ["on"] if field.is_checked else []
    elif field.control == "choices":
        shown = ["", *(option for option in field.options if option in field.values)]
    elif field.control == "select":
        shown = [field.value if field.value in field.options else next(iter(field.options), "")]
    else:
        shown = [as_control_keeps(field.control, field.value)]
    return {**sent, field.name: shown} if shown else sent


def as_control_keeps(control: str, text: str) -> str:
    """The value of a control in HTML: its sanitization algorithm, and CRLF between lines."""
    if control in ("multiline", "list", "json"):
        return text.replace("\r\n", "\n").replace("\r", "\n").replace("\0", "\ufffd").replace("\n", "\r\n")
    kept = text.replace("\n", "").replace("\r", "").replace("\0", "\ufffd")
    if control == "number":
        try:
            return kept if abs(float(kept)) < 1e308 else ""
        except ValueError:
            return ""
    if control == "date":
        return kept if _is(date.fromisoformat, kept) and len(kept) == 10 else ""
    if control == "datetime":
        return kept if _is(datetime.fromisoformat, kept) and datetime.fromisoformat(kept).tzinfo is None else ""
    return kept


def _is(parse: Any, text: str) -> bool:
    try:
        return bool(parse(text))
    except ValueError:
        return False


def _typed(value: Any) -> Any:
    if isinstance(value, SecretStr):
        return value.get_secret_value()
    if isinstance(value, (list, tuple)):
        return [(type(one), _typed(one)) for one in value]
    if isinstance(value, (set, frozenset)):
        return sorted(map(repr, value))
    if isinstance(value, dict):
        return [(key, type(one), _typed(one)) for key, one in value.items()]
    return value.isoformat() if isinstance(value, datetime) else value  # a zone may be of several classes


TASKS = [Task(kind) for kind in KINDS] + [Task(kind, None) for kind in NULL_BY_DEFAULT]
TASKS += [
    Task(str, "a"), Task(int, 3), Task(bool, True), Task(list[str], ["q"]),
    Task(list[str], Field(default_factory=lambda: ["q"])), Task(dict[str, int], {}),
    Task(Literal["a", "b"], "b"), Task(datetime, datetime(2026, 3, 29, 2, 30)), Task(Color, Color.TWO), Task(Any, None),
    Task(datetime, datetime(2026, 3, 29, 2, 30, tzinfo=timezone(timedelta(hours=2)))), Task(Decimal, Decimal("0.10")),
    Task(timedelta, timedelta(hours=1)), Task(int | str, "5"), Task(Literal["a"] | float | None, None),
    Task(str | None, "a"), Task(list[int] | None, [1]), Task(bool | None, None), Task(SecretStr, SecretStr("x")),
]  # fmt: skip


@settings(max_examples=300, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True)
@given(task=st.sampled_from(TASKS), value=VALUES)
@example(task=Task(list[str]), value=["\0"])
@example(task=Task(Annotated[Decimal, Field(max_digits=6, decimal_places=2)]), value=10000)
def test_each_way_gives_the_function_the_same_value_or_is_refused(task, value):
    by_json = task.outcome({"x": value})

    assert task.by(read_texts, write_texts(task.spec, {"x": value})) == by_json
    assert task.by(read_texts, {"x:": [json.dumps(value)]}) == by_json
    if by_json != "422" and not task.spec.secret_parameters:
        form = write_fields(task.spec, {"x": value})
        assert task.by(read_fields, task.sent_by_a_browser(form)) == by_json


@pytest.mark.parametrize("task", TASKS, ids=lambda task: json.dumps(task.spec.parameters["x"])[:60])
def test_an_untouched_form_gives_the_default(task):
    if "x" in task.spec.input_schema.get("required", ()):
        return
    untouched = task.by(read_fields, task.sent_by_a_browser({**write_fields(task.spec, defaults_of(task.spec))}))

    assert untouched == task.outcome({})


def defaults_of(spec):
    return {name: schema["default"] for name, schema in spec.parameters.items()
            if "default" in schema and name not in spec.secret_parameters}  # fmt: skip
