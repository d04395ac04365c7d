"""Say in words how a table was read and how its model is used."""

from collections.abc import Iterable
from importlib.metadata import version
from itertools import islice
from statistics import fmean, pstdev

from taskdesk import Markdown
from taskdesk import Table as ResultTable
from tasks._forest.columns import Column
from tasks._forest.table import Table

_MARKS = {".": "point", ",": "comma"}
_NAMED = 12  # names of columns in a sentence


def describe_reading(table: Table, rare: dict[str, tuple[int, int]]) -> str:
    """Return sentences: what was assumed about the table, and what was read as missing."""
    titles = {column.name: column.title for column in table.columns}
    numbers = [column for column in table.columns if column.numeric]
    words = [column.title for column in table.columns if not column.numeric]
    marks = sorted({column.mark for column in [*numbers, table.target] if column.numeric and _shows_mark(column)})
    sentences = [
        f"Read as a table with {table.layout}"
        + (f", decimal {' and '.join(_MARKS[mark] for mark in marks)}" if marks else "")
    ]
    sentences += [f"Numbers: {_list(column.title + _units(column) for column in numbers)}"] if numbers else []
    sentences += [f"Words: {_list(words)}"] if words else []
    sentences += _missing_sentences(table)
    sentences += [
        f"{column.title} is read as words, because of values such as {_list(map(repr, column.odd))}"
        for column in table.columns
        if not column.numeric and column.odd
    ]
    sentences += [
        f"In {titles[name]}, {few} of {all_words} words are rare and share one category"
        for name, (few, all_words) in rare.items()
    ]
    sentences += [
        f"{column.title} is read as words, because its units differ ({', '.join(sorted(column.units))})"
        for column in table.columns
        if not column.numeric and column.units
    ]
    sentences += [f"Without values, left out: {_list(c.title for c in table.ignored)}"] if table.ignored else []
    return " ".join(f"{sentence}." for sentence in sentences)


def _missing_sentences(table: Table) -> list[str]:
    read = [(column, {**column.missing, **(column.odd if column.numeric else {})}) for column in table.columns]
    told = [f"{column.title} ({_counts(words)})" for column, words in read if words]
    sentences = [f"Read as missing: {_list(told)}"] if told else []
    if table.missing:
        count = sum(table.missing.values())
        sentences.append(f"{count} rows without a target were left out ({_counts(table.missing)})")
    return sentences


def rank_columns(table: Table, weights: dict[str, float]) -> ResultTable:
    """Return the columns with their importance, the most important first."""
    titles = {column.name: column.title for column in table.columns}
    ranked = sorted(weights.items(), key=lambda item: -item[1])
    return ResultTable(["column", "importance"], [[titles[name], weight] for name, weight in ranked])


def list_scores(by_fold: dict[str, list[float]]) -> ResultTable:
    folds = len(next(iter(by_fold.values())))
    columns = ["score", "mean", "deviation", *(f"fold {n}" for n in range(1, folds + 1))]
    return ResultTable(columns, [[name, fmean(values), pstdev(values), *values] for name, values in by_fold.items()])


def _shows_mark(column: Column) -> bool:
    return any(column.mark in word for word in islice(column.words, 1000))


def _units(column: Column) -> str:
    return f" in {', '.join(sorted(column.units))}" if column.units else ""


def _counts(words: dict[str, int]) -> str:
    return _list(f"{word or 'empty'}: {count}" for word, count in words.items())


def _list(names: Iterable[str]) -> str:
    names = list(names)
    more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    return ", ".join(names[:_NAMED]) + more


def explain_use(table: Table, trusted: list[str]) -> Markdown:
    """Return the lines of Python that load the model and predict the rows of a table like the uploaded one."""
    options = "".join(f", {key}={value!r}" for key, value in table.layout.options.items())
    return Markdown(
        f"""```python
import pandas
from skops.io import load

trusted = {trusted!r}
model = load("model.skops", trusted=trusted)
rows = pandas.read_csv("table.csv"{options})
print(model.predict(rows))
```

`{_requirements()}` installs what it needs. Other columns of the table, such as the target, are ignored.
"""
    )


def _requirements() -> str:
    names = ("pandas", "scikit-learn", "skops")
    return "pip install " + " ".join(f"{name}=={version(name)}" for name in names)
