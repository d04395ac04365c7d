"""Say in words how a table was read and how its model is used."""

from collections.abc import Iterable, Iterator
from importlib.metadata import version
from itertools import islice
from statistics import fmean, pstdev

from taskdesk import Markdown, Table
from tasks._forest.columns import Column
from tasks._forest.dataset import Dataset

_MARKS = {".": "point", ",": "comma"}
_NAMED = 12  # names of columns in a sentence


def describe_reading(dataset: Dataset, rare: dict[str, tuple[int, int]]) -> str:
    """Return sentences: what was assumed about the table, and what was read as missing."""
    sentences = [
        *_format_sentences(dataset),
        *_missing_sentences(dataset),
        *_word_sentences(dataset, rare),
        *([f"Without values, left out: {_list(c.title for c in dataset.ignored)}"] if dataset.ignored else []),
    ]
    return " ".join(f"{sentence}." for sentence in sentences)


def _format_sentences(dataset: Dataset) -> list[str]:
    numbers = [column for column in dataset.columns if column.numeric]
    words = [column.title for column in dataset.columns if not column.numeric]
    marks = sorted({column.mark for column in [*numbers, dataset.target] if column.numeric and _shows_mark(column)})
    decimal = f", decimal {' and '.join(_MARKS[mark] for mark in marks)}" if marks else ""
    return [
        f"Read as a table with {dataset.layout}{decimal}",
        *([f"Numbers: {_list(column.title + _units(column) for column in numbers)}"] if numbers else []),
        *([f"Words: {_list(words)}"] if words else []),
    ]


def _word_sentences(dataset: Dataset, rare: dict[str, tuple[int, int]]) -> Iterator[str]:
    titles = {column.name: column.title for column in dataset.columns}
    words = [column for column in dataset.columns if not column.numeric]
    for column in words:
        if column.odd:
            yield f"{column.title} is read as words, because of values such as {_list(map(repr, column.odd))}"
    for name, (few, all_words) in rare.items():
        yield f"In {titles[name]}, {few} of {all_words} words are rare and share one category"
    for column in words:
        if column.units:
            yield f"{column.title} is read as words, because its units differ ({', '.join(sorted(column.units))})"


def _missing_sentences(dataset: Dataset) -> list[str]:
    read = [(column, {**column.missing, **(column.odd if column.numeric else {})}) for column in dataset.columns]
    told = [f"{column.title} ({_counts(words)})" for column, words in read if words]
    sentences = [f"Read as missing: {_list(told)}"] if told else []
    if dataset.missing:
        count = sum(dataset.missing.values())
        sentences.append(f"{count} rows without a target were left out ({_counts(dataset.missing)})")
    return sentences


def rank_columns(dataset: Dataset, weights: dict[str, float]) -> Table:
    """Return the columns with their importance, the most important first."""
    titles = {column.name: column.title for column in dataset.columns}
    ranked = sorted(weights.items(), key=lambda item: -item[1])
    return Table(["column", "importance"], [[titles[name], weight] for name, weight in ranked])


def list_scores(by_fold: dict[str, list[float]]) -> Table:
    folds = len(next(iter(by_fold.values())))
    columns = ["score", "mean", "deviation", *(f"fold {n}" for n in range(1, folds + 1))]
    return Table(columns, [[name, fmean(values), pstdev(values), *values] for name, values in by_fold.items()])


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


def explain_use(dataset: Dataset, trusted: list[str]) -> Markdown:
    """Return the lines of Python that load the model and predict the rows of a table like the uploaded one."""
    options = "".join(f", {key}={value!r}" for key, value in dataset.layout.options.items())
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
