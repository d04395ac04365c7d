"""How a table was written, as spreadsheets, R, pandas and people write it."""

from __future__ import annotations

import pytest

from tasks._forest.layout import TableError, find_layout, read_table

PLAIN = [[1, 2, "c"], [3, 4, "d"]]


@pytest.mark.parametrize(
    ("content", "names", "rows"),
    [
        ("a,b,y\n1,2,c\n3,4,d\n", "a b y", PLAIN),
        ("a;b;y\n1;2;c\n3;4;d\n", "a b y", PLAIN),
        ("a\tb\ty\n1\t2\tc\n3\t4\td\n", "a b y", PLAIN),
        ("a|b|y\n1|2|c\n3|4|d\n", "a b y", PLAIN),
        ("a,b,y\r1,2,c\r3,4,d\r", "a b y", PLAIN),
        ("a,b,y\r\n1,2,c\r\n3,4,d", "a b y", PLAIN),
        ("a,b,y\r1,2,c\n3,4,d\r\n", "a b y", PLAIN),
        ("\n\na,b,y\n1,2,c\n\n3,4,d\n\n", "a b y", PLAIN),
        (",,\n,,\na,b,y\n1,2,c\n3,4,d\n", "a b y", PLAIN),
        ("sep=;\r\na;b;y\r\n1;2;c\r\n3;4;d\r\n", "a b y", PLAIN),
        ('"sep=|"\na|b|y\n1|2|c\n3|4|d\n', "a b y", PLAIN),
        ("\ufeffa,b,y\n1,2,c\n3,4,d\n", "a b y", PLAIN),
        ('\ufeff"a";b;y\n1;2;c\n3;4;d\n', "a b y", PLAIN),
        ("a,b,y\n1,2,c,\n3,4,d,\n", "a b y", PLAIN),
        ("a,b,y\n1,2,c\n3,4,d,,\n", "a b y", PLAIN),
        ("a, b, y\n1, 2, c\n3, 4, d\n", "a b y", PLAIN),
        ('x, y, t\n1, "a, b", c\n2, "d", e\n', "x y t", [[1, "a, b", "c"], [2, "d", "e"]]),
        ('"price\n(EUR)";"qty";"y"\n1,5;2;c\n3,5;4;d\n', "price\n(EUR)|qty|y", [["1,5", 2, "c"], ["3,5", 4, "d"]]),
        ('a,y\n1,"two\nlines"\n2,"one"\n', "a y", [[1, "two\nlines"], [2, "one"]]),
        ('a;y\n1,5;"x;""z"""\n2,5;w\n', "a y", [["1,5", 'x;"z"'], ["2,5", "w"]]),
        ('y;"a,b,c"\n1;2\n3;4\n', "y a,b,c", [[1, 2], [3, 4]]),
        ("a,a,y\n1,2,c\n3,4,d\n", "a a.1 y", PLAIN),
        ("a,b,y\nr1,1,2,c\nr2,3,4,d\n", "a b y", PLAIN),
    ],
)
def test_a_table_is_read_with_the_options_that_were_found(tmp_path, content, names, rows):
    path = tmp_path / "table.csv"
    path.write_bytes(content.encode())

    table = read_table(path, find_layout(path))

    assert list(table.columns) == (names.split("|") if "|" in names else names.split())
    assert table.to_numpy().tolist() == rows


@pytest.mark.parametrize(
    ("encoding", "told"),
    [
        ("utf-8", "UTF-8"),
        ("utf-8-sig", "UTF-8"),
        ("utf-16", "UTF-16"),
        ("utf-16-le", "UTF-16-LE"),
        ("utf-32", "UTF-32"),
        ("cp1252", "Windows-1252"),
    ],
)
def test_an_encoding_is_found_and_told(tmp_path, encoding, told):
    path = tmp_path / "table.csv"
    path.write_bytes("größe;y\n1;„ä“\n2;é\n".encode(encoding))

    layout = find_layout(path)

    assert str(layout) == f"semicolons, {told}"
    assert read_table(path, layout).to_dict("list") == {"größe": [1, 2], "y": ["„ä“", "é"]}


def test_bytes_that_windows_does_not_know_are_latin_1(tmp_path):
    path = tmp_path / "table.csv"
    path.write_bytes(b"a,y\n1,\x81\xe9\n2,b\n")

    layout = find_layout(path)

    assert str(layout) == "commas, Latin-1"
    assert read_table(path, layout)["y"][0] == "\x81é"


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
@pytest.mark.parametrize("names", ["a{0}b{0}y{0}", "a{0}{0}{0}b{0}y", "a{0}b{0}y{0}{0}{0}"])
def test_columns_without_a_name_and_without_values_do_no_harm(tmp_path, names, delimiter):
    path = tmp_path / "table.csv"
    header = names.format(delimiter)
    rows = [header.replace("a", str(n)).replace("b", "2").replace("y", "c") for n in range(3)]
    path.write_text("\n".join([header, *rows]))

    layout = find_layout(path)

    assert [name for name in layout.header if name] == ["a", "b", "y"]
    assert read_table(path, layout)["y"].tolist() == ["c", "c", "c"]


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        ("", "The file is empty."),
        ("\ufeff\n", "The file has no rows."),
        ("a,b\n", "The file has names of columns, but no rows."),
        (
            b"PK\x03\x04\x14\0",
            "a workbook (.xlsx, .ods) or a zip file: open it in your spreadsheet program and save it as CSV",
        ),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "a workbook of Excel (.xls)"),
        (b"\x1f\x8b\x08\0", "a compressed file"),
        ("<!doctype html><p>Sign in</p>", "HTML or XML"),
        ('[{"a": 1}]', "but JSON"),
        ("a,b\n1,2\n3,\0\n", "Line 3 has a zero byte"),
        ("a,b\n1\n2,3\n", "Line 2 has 1 values, but there are 2 columns."),
        ("a,b\n1,2\n1,2,3\n", "Line 3 has 3 values, but there are 2 columns."),
        ('a,b\n"1\n1",2\n3\n', "Line 4 (row 3) has 1 values, but there are 2 columns."),
        ('a,b\n1,"x\n', "The table can't be read: a quotation mark is not closed."),
        ("a,,b\n1,2,3\n", "Column 2 has no name, but values"),
        (
            "Sales 2024\na,b,c\n1,2,3\n4,5,6\n",
            "Line 1 names 1 columns (Sales 2024), but the rows have 3 values: remove any title",
        ),
        ("Sales 2024;;\na;b;c\n1;2;3\n4;5;6\n", "Line 1 names 1 columns (Sales 2024), but the rows have 3 values"),
        (
            "Sales, 2024\n\na,b,c,d\n1,2,3,4\n5,6,7,8\n",
            "Line 1 names 2 columns (Sales, 2024), but the rows have 4 values",
        ),
    ],
)
def test_a_file_that_is_no_table_is_refused_with_a_sentence(tmp_path, content, sentence):
    path = tmp_path / "table.csv"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())

    with pytest.raises(TableError) as refused:
        read_table(path, find_layout(path))

    assert sentence in str(refused.value)
