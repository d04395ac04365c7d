"""Find out how a table was written: its encoding, its delimiter, and what stands around its rows.

The result is a set of options for `pandas.read_csv`. The worker reads the table with exactly these, and the page of the
result shows them, so a person reads the same rows.
"""

import codecs
import csv
import io
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any

MAX_CELLS = 2_000_000
_SAMPLE = 100  # records by which the delimiter is chosen
_DELIMITERS = {",": "commas", ";": "semicolons", "\t": "tabs", "|": "bars"}
_MARKS = {  # byte order mark: encoding; UTF-32 stands first, because its mark begins with the one of UTF-16
    codecs.BOM_UTF32_LE: "utf-32",
    codecs.BOM_UTF32_BE: "utf-32",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
    codecs.BOM_UTF8: "utf-8-sig",
}
_NAMES = {"utf-8-sig": "UTF-8", "cp1252": "Windows-1252", "latin-1": "Latin-1"}
_OTHER_FILES = {  # what a file begins with: what it is
    b"PK\x03\x04": "a workbook (.xlsx, .ods) or a zip file",
    b"\xd0\xcf\x11\xe0": "a workbook of Excel (.xls)",
    b"\x1f\x8b": "a compressed file (.gz)",
    b"%PDF": "a PDF",
    b"PAR1": "a Parquet file",
    b"{": "JSON",
    b"[{": "JSON",
    b"<": "HTML or XML",
}


class TableError(ValueError):
    """The uploaded table can't be used; the message says why."""


@dataclass
class Layout:
    """How a table was written. `options` are arguments of `pandas.read_csv` that differ from its defaults."""

    encoding: str
    delimiter: str
    options: dict[str, Any] = field(default_factory=dict)
    header: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        delimiter = _DELIMITERS.get(self.delimiter, repr(self.delimiter))
        return f"{delimiter}, {_NAMES.get(self.encoding, self.encoding.upper())}"


def find_layout(path: Path) -> Layout:
    """Return how the table was written. Raises TableError, with the number of the line, if it can't be read."""
    content = path.read_bytes()
    _refuse_other_files(content)
    encoding, text = _decode(content)
    text = io.StringIO(text, newline=None).read()  # line ends of all systems become \n
    if "\0" in text:
        line = text[: text.index("\0")].count("\n") + 1
        raise TableError(f"Line {line} has a zero byte, so the file is not a text: save the table as CSV in UTF-8.")
    told = re.match(r'"?sep=(.)"?\n', text)  # Excel's own line
    layout = Layout(encoding, told[1] if told else _detect_delimiter(text))
    layout.options = {"sep": layout.delimiter, "encoding": encoding}
    layout.options["skipinitialspace"] = re.search(f"{re.escape(layout.delimiter)} ", text) is not None
    _check_shape(layout, text, skipped=1 if told else 0)
    defaults = {"sep": ",", "encoding": "utf-8", "skipinitialspace": False, "skiprows": 0}
    layout.options = {key: value for key, value in layout.options.items() if defaults.get(key) != value}
    if encoding == "utf-8-sig":
        del layout.options["encoding"]  # pandas skips the mark
    return layout


def read_table(path: Path, layout: Layout, **options: Any) -> Any:
    """Return the table as a DataFrame, as a person reads it with the options of the layout."""
    import pandas

    try:
        return pandas.read_csv(path, **layout.options, **options)
    except pandas.errors.ParserError as error:
        sentence = "a quotation mark is not closed" if "EOF inside string" in str(error) else str(error).strip()
        raise TableError(f"The table can't be read: {sentence}.") from None


def _refuse_other_files(content: bytes) -> None:
    if not content.strip():
        raise TableError("The file is empty.")
    start = content[:100].lstrip()
    for beginning, kind in _OTHER_FILES.items():
        if start.startswith(beginning):
            remedy = "open it in your spreadsheet program and save it as CSV (UTF-8)"
            raise TableError(f"The file is not a text with a row per line, but {kind}: {remedy}.")


def _decode(content: bytes) -> tuple[str, str]:
    encodings = [name for mark, name in _MARKS.items() if content.startswith(mark)][:1] or ["utf-8", "cp1252"]
    if encodings[0] == "utf-8" and content[1:200:2].count(0) > len(content[1:200:2]) / 2:
        encodings.insert(0, "utf-16-le")  # without a mark: every other byte is zero
    for encoding in encodings:
        try:
            return encoding, content.decode(encoding)
        except UnicodeDecodeError:
            continue
    return "latin-1", content.decode("latin-1")


def _detect_delimiter(text: str) -> str:
    """Return the delimiter with which most records are as wide as the first one, and which makes most columns."""
    return max(_DELIMITERS, key=lambda mark: _fit(text, mark))


def _fit(text: str, delimiter: str) -> tuple[bool, float, int]:
    """Rate a delimiter: is the first record as wide as most others, how many are, and how wide?"""
    widths = [len(row) for _, row in islice(_filled(_records(text, delimiter)), _SAMPLE)] or [0]
    usual, count = Counter(widths[1:] or widths).most_common(1)[0]
    return widths[0] == usual > 1, count / len(widths) if usual > 1 else 0, max(widths[0], usual)


def _records(text: str, delimiter: str) -> Iterator[tuple[int, list[str]]]:
    """Yield each record that has a cell, with the number of its first line."""
    lines = csv.reader(io.StringIO(text), delimiter=delimiter, skipinitialspace=True)
    first = 1
    for row in lines:
        if row:
            yield first, row
        first = lines.line_num + 1


def _filled(records: Iterator[tuple[int, list[str]]]) -> Iterator[tuple[int, list[str]]]:
    return ((line, row) for line, row in records if any(cell.strip() for cell in row))


def _check_shape(layout: Layout, text: str, skipped: int) -> None:
    """Store the header and what stands around the rows. Raises TableError if a row has another width."""
    records = _records(text, layout.delimiter)
    try:
        line, header = next(islice(_filled(records), skipped, None), (0, []))
        if not header:
            raise TableError("The file has no rows.")
        layout.options["skiprows"] = line - 1
        layout.header = [" ".join(name.split()) for name in header]
        sample = [row for _, row in islice(_filled(_records(text, layout.delimiter)), skipped + 1, _SAMPLE)]
        _refuse_titles(line, layout.header, sample)
        width = _width(layout.header, sample)
        size, widest = _check_rows(records, layout.header, width)
    except csv.Error as error:
        raise TableError(f"The table can't be read: {error}.") from None
    if size * width > MAX_CELLS:
        shape = f"{size:,} rows of {width}"
        raise TableError(
            f"The table has {shape}: more than {MAX_CELLS:,} cells are too many. Leave out rows or columns."
        )
    if widest > max(width, len(header)):
        layout.options["usecols"] = range(width)  # only delimiters follow


def _refuse_titles(line: int, header: list[str], sample: list[list[str]]) -> None:
    if not sample:
        raise TableError("The file has names of columns, but no rows.")
    names = [name for name in header if name]
    usual = Counter(map(len, sample)).most_common(1)[0][0]
    alone = len(names) == 1 and header[0] and any(sum(map(bool, row)) > 1 for row in sample)
    if alone or usual - len(header) > 1:
        raise TableError(
            f"Line {line} names {len(names)} columns ({', '.join(names)}), but the rows have {usual} values: "
            "remove any title above the names of the columns."
        )


def _width(header: list[str], sample: list[list[str]]) -> int:
    """Return the number of cells of a row: up to the last name, and one more if rows begin with a name of their own."""
    named = max(number for number, name in enumerate(header, start=1) if name)
    wider = named == len(header) and all(len(row) == named + 1 for row in sample) and any(row[-1] for row in sample)
    by_row_names = wider and len(sample) > 1 and len({row[0] for row in sample}) == len(sample)  # as R writes it
    return named + by_row_names


def _check_rows(records: Iterator[tuple[int, list[str]]], header: list[str], width: int) -> tuple[int, int]:
    """Return the number of rows and the widest one, counted in cells. Raises TableError with the number of the line."""
    nameless = [number for number, name in enumerate(header) if not name and number > 0]
    size = widest = 0
    for size, (line, row) in enumerate(records, start=1):
        widest = max(widest, len(row))
        filled = max((number for number, cell in enumerate(row, start=1) if cell.strip()), default=0)
        if filled > max(width, len(header)) or (filled and len(row) < width):
            place = f"Line {line}" if line == size + 1 else f"Line {line} (row {size + 1})"
            raise TableError(f"{place} has {len(row)} values, but there are {width} columns.")
        if used := [number + 1 for number in nameless if number < len(row) and row[number].strip()]:
            raise TableError(f"Column {used[0]} has no name, but values: the first line has to name all columns.")
    return size, widest
