"""An uploaded table: the rows to learn from and the values to predict."""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tasks._forest.columns import PANDAS_MISSING, Column, inspect_columns, missing_in_target
from tasks._forest.layout import Layout, TableError, find_layout, read_table

MAX_CLASSES = 50
_MAX_NUMBER = 3e38  # the forest calculates with 32-bit floats
_MAX_WHOLE = 2**53
_CLASSES_OF_NUMBERS = 20  # a target of whole numbers with more different values is a number


@dataclass
class Dataset:
    """What a model is trained on. `rows` are those with an answer, as a person reads them with the layout's options."""

    layout: Layout
    rows: Any
    answers: Any  # an array
    columns: list[Column]  # to learn from
    ignored: list[Column]  # without values
    target: Column
    kind: str  # classification or regression
    missing: dict[str, int]  # words of the target for lack of which rows were left out


def load_dataset(path: Path, target: str, kind: str) -> Dataset:
    """Return the dataset with the answers of the given kind: auto, classification or regression. Raises TableError."""
    layout = find_layout(path)
    texts = read_table(path, layout, dtype=str, keep_default_na=False)
    inspected = inspect_columns(texts, layout.delimiter)
    columns = [column for column, name in zip(inspected, layout.header, strict=False) if name]
    wanted = _find_target(columns, target, layout)
    others = [column for column in columns if column is not wanted]
    used = [column for column in others if column.words]
    _refuse_useless(wanted, used)

    chosen = detect_kind(wanted) if kind == "auto" else kind
    missing = missing_in_target(wanted) if chosen == "classification" else wanted.missing
    words = texts[wanted.name].map(str.strip)
    known = ~words.isin(list(missing)).to_numpy()
    answers = (_as_classes if chosen == "classification" else _as_numbers)(wanted, list(words[known]), layout)
    if texts_only := {column.name: "str" for column in [*used, wanted] if column.as_text}:
        layout.options["dtype"] = texts_only
    rows = read_table(path, layout)[known]
    return Dataset(layout, rows, answers, used, [c for c in others if not c.words], wanted, chosen, missing)


def _find_target(columns: list[Column], target: str, layout: Layout) -> Column:
    title = " ".join(target.split())
    if layout.header.count(title) > 1:
        raise TableError(f"The column {target!r} is there twice: give each column its own name.")
    for column in columns:
        if title == column.title:
            return column
    raise TableError(f"There is no column {target!r}. The columns are: {', '.join(c.title for c in columns[:50])}.")


def _refuse_useless(target: Column, used: list[Column]) -> None:
    if not target.words:
        raise TableError(f"The column {target.title!r} has no values.")
    if not used:
        raise TableError(f"There is no column besides {target.title!r} to learn from.")
    for column in [target, *used]:
        if column.has_huge_numbers(_MAX_NUMBER):
            raise TableError(f"The column {column.title!r} has infinite or huge values: remove them.")


def detect_kind(target: Column) -> str:
    """Return "classification" or "regression"."""
    if not target.numeric:
        return "classification"
    whole = all(value % 1 == 0 for word, value in target.numbers.items() if word not in target.odd)
    few = len(target.words) <= min(_CLASSES_OF_NUMBERS, target.words.total() / 2)
    return "classification" if whole and few else "regression"


def _as_classes(target: Column, words: list[str], layout: Layout) -> Any:
    """Return the values as classes: as whole numbers if they are written so and stay different, otherwise as texts."""
    import numpy

    different = set(words)
    if any(word in PANDAS_MISSING for word in different):
        layout.options["keep_default_na"] = False
    whole = all(re.fullmatch(r"-?(0|[1-9]\d*)(\.0+)?", word) for word in different)
    numbers = {word: int(float(word)) for word in different} if whole else {}
    if whole and len(set(numbers.values())) == len(different) and max(map(abs, numbers.values())) <= _MAX_WHOLE:
        return numpy.array([numbers[word] for word in words])
    target.as_text = target.as_text or target.numeric or {word.lower() for word in different} <= {"true", "false"}
    return numpy.array(words, dtype=object)


def _as_numbers(target: Column, words: list[str], layout: Layout) -> Any:
    """Return the values as numbers. Raises TableError if one is none, or if all are the same."""
    import numpy

    wrong = [word for word, value in target.numbers.items() if value != value]
    if wrong:
        remedy = "choose classification" if len(target.words) <= MAX_CLASSES else "correct or remove it"
        raise TableError(f"The column {target.title!r} has {wrong[0]!r}, which is no number: {remedy}.")
    if len(set(target.numbers.values())) < 2:
        raise TableError(f"The column {target.title!r} has only one value: there is nothing to learn.")
    return numpy.array([target.numbers[word] for word in words])
