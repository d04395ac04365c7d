"""Tasks that return what they were given, one for each kind of parameter."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Annotated, Any, Literal

from pydantic import BaseModel, Field, SecretStr

from taskdesk import AnyFile, CsvFile, current_job


def takes_files(any: AnyFile, table: CsvFile | None = None, größe: AnyFile | None = None) -> dict[str, list[str]]:
    """Say under which names files arrive."""
    paths = {"any": any, "table": table, "größe": größe}
    return {name: [path.name, current_job().filenames[name]] for name, path in paths.items() if path}


def takes_several_files(
    tables: Annotated[list[CsvFile], Field(min_length=1, max_length=3)],
    any: list[AnyFile] | None = None,
    contents: list[bytes] = [],  # noqa: B006
    one: AnyFile | None = None,
) -> dict[str, Any]:
    """Say which files arrive, under which names."""
    names = current_job().filenames
    return {
        "tables": [[path.name, name, path.read_text()] for path, name in zip(tables, names["tables"], strict=True)],
        "any": any if any is None else [path.name for path in any],
        "contents": [content.decode() for content in contents],
        "one": one and names["one"],
    }


def takes_the_rest_as_files(*tables: CsvFile) -> list[str]:
    """Say which files arrive as positional arguments."""
    return [path.read_text() for path in tables]


def takes_bytes(content: bytes, more: bytes | None = None) -> list[str]:
    """Say which bytes arrive."""
    return [repr(content), repr(more)]


def takes_numbers(
    n: int = 0, exact: Decimal | None = None, share: float = 0.5, many: list[Decimal] | None = None
) -> str:
    """Say which numbers arrive."""
    return repr((n, exact, share, many))


def takes_unions(
    features: Literal["sqrt", "log2"] | float | None = None,
    flag: bool | str = True,
    number: int | str = 1,
    day: date | datetime = date(2026, 1, 2),
    odd: Literal[5, "5", True, None] = 5,
    anything: Any = None,
    pair: tuple[int, str] = (1, "a"),
) -> str:
    """Say which of their types arrive."""
    return repr((features, flag, number, day, odd, anything, pair))


def takes_nothing(
    text: str = None,  # type: ignore[assignment]  # noqa: RUF013
    texts: list[str] = None,  # type: ignore[assignment]  # noqa: RUF013
    made: list[str] = Field(default_factory=lambda: ["q"]),  # noqa: B008
    maybe: list[int] | None = None,
    note: str | None = None,
    agreed: Literal[True] | None = None,
    wait: timedelta | None = None,
) -> str:
    """Say what arrives from a form that nobody has touched."""
    return repr((text, texts, made, maybe, note, agreed, wait))


def takes_texts(texts: list[str]) -> list[str]:
    """Give texts back."""
    return texts


def takes_a_secret(user: str, password: SecretStr, tokens: list[SecretStr] | None = None) -> int:
    """Say how long a secret is."""
    print(f"{user}: {password}")
    return len(password.get_secret_value()) + len(tokens or [])


def takes_names_of_a_form(
    querySelector: str = "a",
    querySelectorAll: str = "b",
    getAttribute: str = "c",
    addEventListener: str = "d",
    elements: str = "e",
    closest: str = "f",
    submit: str = "g",
    action: str = "h",
    when: datetime | None = None,
    data: AnyFile | None = None,
) -> str:
    """Say what the parameters are that have names of the page's own."""
    values = (querySelector, querySelectorAll, getAttribute, addEventListener, elements, closest, submit, action, when)
    return repr(values)


def takes_names_of_python(
    items: str = "a",
    values: str = "b",
    get: str = "c",
    self: str = "d",
    cls: str = "e",
    csrf_token: str = "f",
    schema: str = "g",
    json: str = "h",
    name: str = "i",
    args: str = "j",
    kwargs: str = "k",
    job: str = "l",
    pop: AnyFile | None = None,
) -> str:
    """Say what the parameters are that have names of dicts, models and libraries."""
    return "".join((items, values, get, self, cls, csrf_token, schema, json, name, args, kwargs, job)) + str(pop)


def takes_a_time(when: datetime | None = None) -> str:
    """Say which time arrives."""
    return repr(when)


def takes_all_that_python_has(x, y=5, /, *args: int, flag: bool = False, **kwargs: date) -> str:  # type: ignore[no-untyped-def]
    """Say what arrives."""
    return repr((x, y, args, flag, kwargs))


class Tree(BaseModel):
    """How a tree grows."""

    depth: int = Field(8, ge=1, le=64, description="How deep it may grow.")
    criterion: Literal["gini", "entropy"] = "gini"
    is_balanced: bool = False


class Forest(BaseModel):
    name: str
    tree: Tree = Tree()
    tags: list[str] = Field(default_factory=list)


@dataclass
class Split:
    share: float = 0.25
    until: date | None = None


def takes_groups(forest: Forest, split: Split = Split(), other: Tree | None = None) -> str:  # noqa: B008
    return repr((forest, split, other))
