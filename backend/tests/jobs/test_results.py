"""The kinds of results check their arguments where a task writes them down."""

from __future__ import annotations

import io
from pathlib import Path

import pytest

from taskdesk import File, Markdown, Picture, Table

PNG = b"\x89PNG\r\n\x1a\n rest"


@pytest.mark.parametrize(
    ("make", "sentence"),
    [
        (lambda: Markdown(None), "Markdown: text has to be text, not None."),
        (lambda: Markdown(5), "Markdown: text has to be text, not int 5."),
        (lambda: Markdown(b"# a"), "Markdown: text has to be text, not bytes b'# a'."),
        (lambda: Markdown(["a"]), "Markdown: text has to be text, not list."),
        (lambda: Table(None, None), "Table: columns has to be a list of names, not None."),
        (lambda: Table("ab", [[1, 2]]), "Table: columns has to be a list of names, not str 'ab'."),
        (lambda: Table(["a"], None), "Table: rows has to be a list of rows, not None."),
        (lambda: Table(["a"], {"a": 1}), "Table: rows has to be a list of rows, not dict."),
        (lambda: Table(["a"], [[1], "x"]), "Table: row 1 has to be a list of cells or a dict, not str 'x'."),
        (lambda: Table(["a"], [1]), "Table: row 0 has to be a list of cells or a dict, not int 1."),
        (lambda: Table(["a"], [[1, 2]]), "Table: row 0 has 2 cells, not as long as its list of columns: 1."),
        (lambda: Table(["a"], [{"a": 1, "b": 2}]), "Table: row 0 has str 'b', which is none of the columns."),
        (
            lambda: File("a.txt", "text"),
            "File: content has to be bytes, not str 'text'. Encode text with .encode(), and",
        ),
        (lambda: File("a.txt", None), "File: content has to be bytes, not None."),
        (lambda: File(None, b""), "File: name has to be text, not None."),
        (lambda: File("a/b.txt", b""), "File: 'a/b.txt' can't be a file's name"),
        (lambda: File("a", b"", "text"), "File: media_type has to be like text/csv, not str 'text'."),
        (lambda: File("a", b"", "text/a\r\nX: y"), "File: media_type has to be like text/csv"),
        (lambda: Picture("<svg/>"), "Picture: data has to be bytes, not str '<svg/>'. Encode SVG with .encode()"),
        (lambda: Picture(None), "Picture: data has to be bytes, not None."),
        (lambda: Picture(Path("a.png")), "Picture: data has to be bytes, not PosixPath."),
        (lambda: Picture(PNG, None), "Picture: media_type has to be image/png or image/svg+xml, not None."),
        (lambda: Picture(PNG, "text/html"), "Picture: media_type has to be image/png or image/svg+xml"),
    ],
)
def test_a_wrong_argument_is_refused_by_a_sentence_that_names_the_class(make, sentence):
    with pytest.raises((TypeError, ValueError)) as caught:
        make()

    assert str(caught.value).startswith(sentence)


@pytest.mark.parametrize("media_type", [None, "", "application/octet-stream"])
def test_a_file_of_an_unknown_media_type_is_any_file(media_type):
    assert File("a.xyz", b"x", media_type).media_type == "application/octet-stream"


@pytest.mark.parametrize("content", [b"x", bytearray(b"x"), memoryview(b"x"), io.BytesIO(b"x")])
def test_the_content_of_a_file_may_be_any_bytes(content):
    assert File("a", content).content == b"x"


def test_svg_is_told_from_png():
    assert Picture(b"<?xml version='1.0'?>\n<svg/>").media_type == "image/svg+xml"
    assert Picture(PNG).media_type == "image/png"


@pytest.mark.parametrize(
    ("columns", "rows", "stored"),
    [
        (["a"], [{"a": 1}], [[1]]),
        (["a", "b"], [{"b": 2}, {"a": 1, "b": 3}], [[None, 2], [1, 3]]),
        (("a", "b"), iter([(1, 2)]), [[1, 2]]),
        ({"a": 0}.keys(), ((n,) for n in range(2)), [[0], [1]]),
        ([], [], []),
    ],
)
def test_the_rows_of_a_table_may_be_lists_dicts_or_anything_that_yields_them(columns, rows, stored):
    assert Table(columns, rows).rows == stored


def test_the_names_of_columns_are_text():
    assert Table([1, ("a", "b")], [{1: 2, ("a", "b"): 3}]) == Table(["1", "a / b"], [[2, 3]])
