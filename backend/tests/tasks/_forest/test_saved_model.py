"""The saved file predicts as the model was scored, in a fresh process, with the lines that the result shows."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tasks.models import train_model

ROWS = 40


def _table(header: str, row, end: str = "\n") -> str:
    return end.join([header, *(row(n) for n in range(ROWS)), ""])


def _yes(n: int) -> str:
    return "yes" if n % 2 else "no"


# name: content, answers in the order of the rows. The column before the last one decides the answer; z is noise.
TABLES: dict[str, tuple[str | bytes, list[object]]] = {
    "words with empty cells": (
        _table("z,f,y", lambda n: f"{n % 7},{'u' if n % 2 else ''},{_yes(n)}"),
        [_yes(n) for n in range(ROWS)],
    ),
    "words with NA, which pandas drops": (
        _table("z,f,y", lambda n: f"{n % 7},{'NA' if n % 2 else 'EU'},{_yes(n)}"),
        [_yes(n) for n in range(ROWS)],
    ),
    "a column of True and False": (
        _table("z,f,y", lambda n: f"{n % 7},{bool(n % 2)},{_yes(n)}"),
        [_yes(n) for n in range(ROWS)],
    ),
    "TRUE and FALSE with empty cells": (
        _table("z,f,y", lambda n: f"{n % 7},{['TRUE', 'FALSE', ''][n % 3]},{'abc'[n % 3]}"),
        ["abc"[n % 3] for n in range(ROWS)],
    ),
    "numbers with one n.a.": (
        _table("z,f,y", lambda n: f"{n % 7},{'n.a.' if n == 5 else n % 2 + 0.5},{_yes(n) if n != 5 else 'no'}"),
        [_yes(n) if n != 5 else "no" for n in range(ROWS)],
    ),
    "numbers with one word": (
        _table("z,f,y", lambda n: f"{n % 7},{'broken' if n == 7 else n % 2 * 9},{_yes(n) if n != 7 else 'no'}"),
        [_yes(n) if n != 7 else "no" for n in range(ROWS)],  # the median of the others is 0
    ),
    "names and words with blanks around them": (
        _table("z, f ,y ", lambda n: f"{n % 7}, {'u ' if n % 4 == 1 else 'u' if n % 2 else 'v '}, {_yes(n)} "),
        [_yes(n) for n in range(ROWS)],
    ),
    "classes that are numbers": (
        _table("z,f,y", lambda n: f"{n % 7},{n % 3},{n % 3}"),
        [n % 3 for n in range(ROWS)],
    ),
    "classes that are codes": (
        _table("z,f,y", lambda n: f"{n % 7},{'abc'[n % 3]},{['01', '1', '001'][n % 3]}"),
        [["01", "1", "001"][n % 3] for n in range(ROWS)],
    ),
    "classes with one that pandas takes as missing": (
        _table("z,f,y", lambda n: f"{n % 7},{n % 5},{['AF', 'AS', 'EU', 'NA', 'SA'][n % 5]}"),
        [["AF", "AS", "EU", "NA", "SA"][n % 5] for n in range(ROWS)],
    ),
    "zip codes with leading zeros": (
        _table("z,f,y", lambda n: f"{n % 7},{['01234', '1234', '98765'][n % 3]},{'abc'[n % 3]}"),
        ["abc"[n % 3] for n in range(ROWS)],
    ),
    "decimal commas and points for thousands": (
        _table("z;f;g;y", lambda n: f"{n},5;{n % 2 + 1}.234,5;{n % 2 + 1}.234;{_yes(n)}"),
        [_yes(n) for n in range(ROWS)],
    ),
    "thousands with commas, blanks and apostrophes": (
        _table("f,g,h,y", lambda n: f'"{n % 2 + 1},234",{n % 2 + 1} 234,{n % 2 + 1}\'234.5,{_yes(n)}'),
        [_yes(n) for n in range(ROWS)],
    ),
    "percent, currencies and narrow blanks": (
        _table("f,g,h,y", lambda n: f"{n % 2 * 12} %,€ {n % 2}.5,{n % 2 + 1}\u202f234\u00a0kr,{_yes(n)}"),
        [_yes(n) for n in range(ROWS)],
    ),
    "negative numbers of typesetters and accountants": (
        _table("f,g,y", lambda n: f"{'−' if n % 2 else ''}5,{'($5.00)' if n % 2 else '$5.00'},{_yes(n)}"),
        [_yes(n) for n in range(ROWS)],
    ),
    "a header with a line break, in Windows-1252": (
        _table(
            '"price\r\n(€)";"größe";y', lambda n: f"{n % 2},5;{'groß' if n % 2 else 'klein'};{_yes(n)}", "\r\n"
        ).encode("cp1252"),
        [_yes(n) for n in range(ROWS)],
    ),
    "Excel's sep line, UTF-16 and tabs": (
        ("sep=\t\n" + _table("f\tg\ty", lambda n: f"{n % 2}\t{'é' if n % 2 else 'è'}\t{_yes(n)}")).encode("utf-16"),
        [_yes(n) for n in range(ROWS)],
    ),
    "delimiters at the end of the rows": (
        _table("f,g,y", lambda n: f"{n % 2},{n},{_yes(n)},"),
        [_yes(n) for n in range(ROWS)],
    ),
    "line ends of old Macs and a byte order mark": (
        "\ufeff" + _table("f,g,y", lambda n: f"{n % 2},{n},{_yes(n)}", "\r"),
        [_yes(n) for n in range(ROWS)],
    ),
    "a column twice, and one without values": (
        _table("f,f,empty,y", lambda n: f"{n % 2},{n},,{_yes(n)}"),
        [_yes(n) for n in range(ROWS)],
    ),
    "row names without a name, as R writes them": (
        _table("f g y".replace(" ", "\t"), lambda n: f"row {n}\t{n % 2}\t{n}\t{_yes(n)}"),
        [_yes(n) for n in range(ROWS)],
    ),
    "142 words": (
        _table("f,g,y", lambda n: f"{'ab'[n % 2]},word {n},{_yes(n)}"),
        [_yes(n) for n in range(ROWS)],
    ),
}
RUN = """
import json, os, sys
for folder in sys.argv[1:]:
    os.chdir(folder)
    space = {}
    exec(open("use.py").read(), space)
    json.dump(space["model"].predict(space["rows"]).tolist(), open("predicted.json", "w"))
"""


QUICK = [
    "words with empty cells",
    "numbers with one n.a.",
    "decimal commas and points for thousands",
    "a header with a line break, in Windows-1252",
]


def _predict(folders: list[Path]) -> dict[str, list[object]]:
    """Return what the lines of the page print in each folder, all in one fresh process."""
    subprocess.run([sys.executable, "-I", "-W", "error", "-c", RUN, *map(str, folders)], check=True)
    return {folder.name: json.loads((folder / "predicted.json").read_text()) for folder in folders}


@pytest.mark.slow
@pytest.mark.parametrize("names", [QUICK, pytest.param(list(TABLES), marks=pytest.mark.slow)], ids=["some", "all"])
def test_the_file_predicts_the_rows_of_the_table_with_the_lines_of_the_page(tmp_path, names):
    for name in names:
        folder = tmp_path / name
        folder.mkdir()
        content = TABLES[name][0]
        (folder / "table.csv").write_bytes(content if isinstance(content, bytes) else content.encode())
        result = train_model(folder / "table.csv", "y", trees=6, folds=2)
        (folder / "model.skops").write_bytes(result["model"].content)
        (folder / "use.py").write_text(re.search("```python\n(.*?)```", result["use_the_model"].text, re.DOTALL)[1])

    predicted = _predict([tmp_path / name for name in names])

    assert predicted == {name: TABLES[name][1] for name in names}
