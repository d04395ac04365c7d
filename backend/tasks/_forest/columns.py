"""Decide how each column of a table is read: as numbers or as words, and which of its words mean a missing value.

A column is numbers if its values are numbers as spreadsheets write them: `1,234.5`, `1.234,5`, `1 234`, `12 %`, `€ 5`.
A few other words (at most one value in twenty) are then missing values. Codes such as `01` are words.
"""

import re
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import cached_property
from itertools import islice
from typing import Any

PANDAS_MISSING = (
    "", "#N/A", "#N/A N/A", "#NA", "-1.#IND", "-1.#QNAN", "-NaN", "-nan", "1.#IND", "1.#QNAN", "<NA>", "N/A", "NA",
    "NULL", "NaN", "None", "n/a", "nan", "null",
)  # fmt: skip
MISSING = frozenset(PANDAS_MISSING) | {
    "?", "-", "--", "–", "—", ".", "...", "na", "n.a.", "N.A.", "n. a.", "NAN", "Null", "k.A.", "k. A.",
    "#DIV/0!", "#VALUE!", "#REF!", "#NAME?", "#NUM!", "#NULL!",
}  # fmt: skip
# A word that is a class of a target after all, if this holds for the other classes.
_CLASS_AFTER_ALL: dict[str, Callable[[Iterable[str]], bool]] = {
    "NA": lambda others: all(re.fullmatch("[A-Z]{2}", word) for word in others),  # Namibia, North America
    "-": lambda others: "+" in others,
    "None": lambda others: True,
}
_UNIT = (
    r"(?:%|[€$£¥₹₽₺₩₿₪]|(?<![A-Za-z])(?:EUR|USD|GBP|CHF|JPY|CNY|INR|AUD|CAD|SEK|NOK|DKK|PLN|CZK|kr|zł)(?![A-Za-zł]))"
)
_NUMBER = r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?"
_PLAIN = re.compile(_NUMBER)
_ODD_SHARE = 0.05
_SAMPLE = 1000  # values of a column by which its decimal mark is chosen
_HUGE = re.compile(r"[+-]?inf(?:inity)?", re.IGNORECASE)


def missing_pattern() -> str:
    """Return the pattern of a text that means a missing value."""
    return rf"^\s*(?:{'|'.join(re.escape(word) for word in sorted(MISSING, reverse=True))})\s*\Z"


def number_steps(mark: str) -> list[tuple[str, str]]:
    """Return replacements that make of a text a number as Python writes it, or "nan". `mark` is the decimal mark."""
    thousands = {".": ",", ",": "."}[mark]
    decoration = rf"\s*{_UNIT}\s*|^\s+|\s+\Z|(?<=\d)(?<!^0)(?<!\d{{4}})[\s'’{thousands}](?=\d{{3}}(?!\d))"
    steps = [(decoration, ""), (r"^[(−](.*?)\)?\Z", r"-\1")]
    return [*steps, *([(",", ".")] if mark == "," else []), (rf"(?s)^(?!{_NUMBER}\Z).*\Z", "nan")]


def word_steps() -> list[tuple[str, str]]:
    """Return replacements that strip a word and name what is missing. True, true and TRUE are one, as for pandas."""
    return [
        (missing_pattern(), "(missing)"),
        (r"^\s+|\s+\Z", ""),
        (r"^(?:true|TRUE)\Z", "True"),
        (r"^(?:false|FALSE)\Z", "False"),
    ]


def to_number(text: str, mark: str) -> float:
    """Return the number that the steps make of a text; NaN if it is none."""
    if _PLAIN.fullmatch(text) and (mark == "." or "." not in text):
        return float(text)
    for pattern, replacement in number_steps(mark):
        text = re.sub(pattern, replacement, text)
    return float(text)


@dataclass
class Column:
    """How a column is read. The counts are of rows."""

    name: str  # as pandas reads it
    words: Counter[str]  # the values without blanks around them
    numeric: bool = False
    mark: str = "."
    missing: dict[str, int] = field(default_factory=dict)  # words that are read as missing values
    odd: dict[str, int] = field(default_factory=dict)  # values that are no numbers, if most are
    units: set[str] = field(default_factory=set)
    as_text: bool = False  # pandas has to be told that it is text, because it would read other numbers

    @property
    def title(self) -> str:
        return " ".join(self.name.split())

    @property
    def empty(self) -> bool:
        return not self.words

    @cached_property
    def numbers(self) -> dict[str, float]:
        """The number of each word; NaN if it is none."""
        return {word: to_number(word, self.mark) for word in self.words}

    def has_huge_numbers(self, limit: float) -> bool:
        return self.numeric and any(_HUGE.fullmatch(word) or abs(value) > limit for word, value in self.numbers.items())


def inspect_columns(texts: Any, delimiter: str) -> list[Column]:
    """Return how each column of texts is read. A column without a decimal mark of its own takes that of the others."""
    columns = [_split_missing(name, Counter(map(str.strip, texts[name]))) for name in texts.columns]
    told = Counter(mark for column in columns if (mark := _decimal_mark(column)))
    usual = told.most_common(1)[0][0] if told else ""
    for column in columns:
        _inspect(column, _decimal_mark(column) or usual or _likely_mark(column, delimiter))
    return columns


def _split_missing(name: str, counts: Counter[str]) -> Column:
    missing = {word: counts.pop(word) for word in list(counts) if word in MISSING}
    return Column(name, counts, missing=missing)


def _decimal_mark(column: Column) -> str | None:
    """Return the mark with which more values are numbers; None if both do as well."""
    marked = list(islice((word for word in column.words if "." in word or "," in word), _SAMPLE))
    failures = {mark: sum(_fails(word, mark) for word in marked) for mark in ".,"}
    return None if failures["."] == failures[","] else min(failures, key=failures.__getitem__)


def _fails(word: str, mark: str) -> bool:
    if mark == "," and re.search(r"\.(?!\d{3}(?!\d))", word):
        return True  # 1.5 has another mark
    number = to_number(word, mark)
    return number != number


def _likely_mark(column: Column, delimiter: str) -> str:
    """Return the mark for values like 1,234 in a table that doesn't tell: with semicolons, the comma is the mark."""
    return "," if delimiter == ";" and any("," in word for word in column.words) else "."


def _inspect(column: Column, mark: str) -> None:
    column.mark = mark
    values = column.numbers
    failed = [word for word, value in values.items() if value != value and not _HUGE.fullmatch(word)]
    column.odd = {word: column.words[word] for word in failed}
    units = {_unit(word) for word in values if word not in column.odd}
    column.units = units - {""}
    comparable = len(column.units) < 2 and units != {"", "%"}
    coded = any(re.fullmatch(r"0\d+", word) for word in values)
    share = sum(column.odd.values()) / (column.words.total() or 1)
    column.numeric = bool(values) and not coded and comparable and share <= _ODD_SHARE
    if column.numeric:
        column.as_text = any(_PLAIN.fullmatch(word) and float(word) != value for word, value in values.items())
    else:
        column.as_text = any(_PLAIN.fullmatch(word) or _HUGE.fullmatch(word) for word in values)
        column.odd = column.odd if share < 0.5 and not coded else {}


def _unit(word: str) -> str:
    return "" if _PLAIN.fullmatch(word) else (re.findall(_UNIT, word) or [""])[0]


def missing_in_target(column: Column) -> dict[str, int]:
    """Return the words of a target of classes that mean a missing value. The others are classes."""
    others = set(column.words)
    return {
        word: count
        for word, count in column.missing.items()
        if not (word in _CLASS_AFTER_ALL and _CLASS_AFTER_ALL[word](others))
    }
