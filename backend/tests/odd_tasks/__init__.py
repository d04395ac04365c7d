"""Tasks that are hard on generators of API clients: names, texts and types."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum, IntEnum
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import BaseModel, Field, SecretStr

from taskdesk import AnyFile, CsvFile, File, LongText, Table


class Color(Enum):
    RED = "red"
    LIGHT_BLUE = "light blue"
    NONE = ""


class Level(IntEnum):
    LOW = 1
    HIGH = 10


class Address(BaseModel):
    """Where somebody lives: "street", \\ and */ included."""

    street: str
    number: int | None = None


class Person(BaseModel):
    name: Annotated[str, Field(min_length=1)]
    home: Address
    others: list[Address] = []


def greet(person: Person, also: list[Person] = []) -> str:  # noqa: B006
    """Greet a person.

    A description of several lines, with */ and \"\"\" and \\N and ${x} and `y`.
    """
    return f"Hello {person.name}" + f" and {len(also)} others" * bool(also)


def move(person: Person, to: Address) -> Address:
    """Move."""
    return to


def paint(color: Color = Color.RED, level: Level = Level.LOW, either: Literal["a", "b-c", 3, True, None] = None) -> str:
    """Paint."""
    return f"{color.value} {level.value} {either}"


def moments(
    day: date | None = None,
    at: datetime | None = None,
    hour: time | None = None,
    long: timedelta | None = None,
    day_or_moment: date | datetime | None = None,
) -> list[date]:
    """Take times."""
    return [day] if day else []


def numbers(
    price: Decimal = Decimal("0.10"),
    share: Annotated[float, Field(gt=0, lt=1)] = 0.5,
    features: Literal["sqrt", "log2"] | float | None = "sqrt",
    pair: tuple[int, str] = (1, "a"),
    table: dict[str, dict[str, list[float | None]]] | None = None,
    words: Annotated[list[str], Field(max_length=3)] = [],  # noqa: B006
) -> dict[str, Decimal]:
    """Take numbers."""
    return {"price": price}


def class_(
    self_: str = "", type: str = "", async_: bool = False, client: int = 0, body: int = 0, name: str = ""
) -> str:
    """Take parameters with names that mean something in a language or in a generated client."""
    return f"{self_}{type}{client}{body}{name}"


def anything(value: Any, maybe: Any = None, token: SecretStr | None = None, ident: UUID | None = None) -> Any:
    """Take anything."""
    return value


def überschrift(größe: int = 1) -> str:
    """Have letters beyond ASCII."""
    return "ü" * größe


def upload(data: CsvFile, note: LongText = "", more: AnyFile | None = None) -> dict[str, Any]:
    """Take files."""
    rows = data.read_text().splitlines()
    return {"rows": Table(["row"], [[row] for row in rows]), "copy": File("copy.csv", data.read_bytes()), "note": note}


def agree(sure: Literal[True]) -> bool:
    """Take one value of a boolean."""
    return sure


def nothing() -> None:
    """Take nothing and return nothing."""
