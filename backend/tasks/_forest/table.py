"""Read and check an uploaded table."""

import csv
import io
from pathlib import Path
from typing import Any

MAX_CELLS = 2_000_000
_MAX_NUMBER = 3e38  # the forest calculates with 32-bit floats
_MISSING = ["", "?", "NA", "N/A", "NaN", "nan", "null", "NULL"]  # and not "none", which may be a class


class TableError(ValueError):
    """The uploaded table can't be used; the message says why."""


def read_table(path: Path) -> Any:
    """Return the table as a DataFrame of numbers and words. Raises TableError, with the number of the line."""
    import pandas

    content = path.read_bytes()
    if not content.strip():
        raise TableError("The file is empty.")
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        raise TableError(f"Line {line} is not UTF-8: save the table as CSV in UTF-8.") from None
    if "\0" in text:
        raise TableError("The file is not a text: save the table as CSV.")
    delimiter = max(",;\t", key=lambda mark: _fit(text, mark))
    header, size = _check_shape(text, delimiter)
    if size * len(header) > MAX_CELLS:
        raise TableError(f"The table has {size:,} rows of {len(header)}: more than {MAX_CELLS:,} cells are too many.")
    table = pandas.read_csv(
        io.StringIO(text), sep=delimiter, skipinitialspace=True, keep_default_na=False, na_values=_MISSING
    )
    return table if header[0] else table.iloc[:, 1:]  # a first column without a name only counts the rows


def _fit(text: str, delimiter: str) -> tuple[bool, int]:
    """Rate how well a delimiter fits the first two lines: do they agree, and on how many columns?"""
    widths = [len(next(csv.reader([line], delimiter=delimiter), [])) for line in text.split("\n", 2)[:2]]
    return widths[0] == widths[-1] > 1, widths[0]


def _check_shape(text: str, delimiter: str) -> tuple[list[str], int]:
    """Return the names of the columns and the number of rows. Raises TableError if a row has another width."""
    lines = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    try:
        header = [name.strip() for name in next(lines)]
        twice = sorted({name for name in header if header.count(name) > 1})
        if twice:
            raise TableError(f"The column {twice[0]!r} is there twice: give each column its own name.")
        if not any(header):
            raise TableError("The first line is empty: it has to name the columns.")
        if "" in header[1:]:
            raise TableError(f"Column {header.index('', 1) + 1} has no name: the first line has to name all columns.")
        size = 0
        for row in lines:
            if row and len(row) != len(header):
                raise TableError(f"Line {lines.line_num} has {len(row)} values, but there are {len(header)} columns.")
            size += bool(row)
    except csv.Error as error:
        raise TableError(f"Line {lines.line_num} can't be read: {error}.") from None
    if size == 0:
        raise TableError("The file has names of columns, but no rows.")
    return header, size


def split_target(rows: Any, target: str) -> tuple[Any, Any, int]:
    """Return the columns to learn from, the values of the target, and the number of rows dropped for lack of one."""
    import numpy

    rows.columns = [str(name).strip() for name in rows.columns]
    if target not in rows.columns:
        raise TableError(f"There is no column {target!r}. The columns are: {', '.join(rows.columns[:50])}.")
    known = rows[rows[target].notna()]
    if known.empty:
        raise TableError(f"The column {target!r} has no values.")
    table = known.drop(columns=target).dropna(axis="columns", how="all")
    if table.shape[1] == 0:
        raise TableError(f"There is no column besides {target!r} to learn from.")
    numbers = known.select_dtypes("number")
    huge = [name for name in numbers.columns if (numpy.abs(numbers[name].astype(float)) > _MAX_NUMBER).any()]
    if huge:
        raise TableError(f"The column {huge[0]!r} has infinite or huge values: remove them.")
    return table, known[target], len(rows) - len(known)


def detect_kind(answers: Any) -> str:
    """Return "classification" or "regression"."""
    from pandas.api.types import is_bool_dtype, is_numeric_dtype

    if is_bool_dtype(answers) or not is_numeric_dtype(answers):
        return "classification"
    whole = bool((answers % 1 == 0).all())
    distinct = answers.nunique()
    return "classification" if whole and distinct <= min(20, len(answers) / 2) else "regression"


def as_words(answers: Any) -> Any:
    """Return the values as names of classes. Whole numbers stay whole, even if a missing one has made them floats."""
    if answers.dtype.kind == "f" and (answers % 1 == 0).all():
        answers = answers.astype(int)
    return answers.astype(str).astype(object)


def as_numbers(answers: Any, target: str) -> Any:
    """Return the values as numbers. Raises TableError if one is none, or if all are the same."""
    import pandas

    numbers = pandas.to_numeric(answers, errors="coerce")
    if numbers.isna().any():
        example = answers[numbers.isna()].iloc[0]
        raise TableError(f"The column {target!r} has {str(example)!r}, which is no number: choose classification.")
    if numbers.nunique() < 2:
        raise TableError(f"The column {target!r} has only one value: there is nothing to learn.")
    return numbers.astype(float)
