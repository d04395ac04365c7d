"""A table, on a page and as CSV."""

from __future__ import annotations

import re

import pytest

from taskdesk.web.pages.view.tables import as_csv, table_view


def test_a_wide_table_is_cut_to_what_a_page_can_hold():
    view = table_view({"columns": [f"c{n}" for n in range(150)], "rows": [[1, "x", *[None] * 148]] * 1_000})

    assert (len(view.columns), len(view.rows), view.column_count, view.row_count) == (100, 100, 150, 1_000)
    assert [column.is_number for column in view.columns[:3]] == [True, False, False]


@pytest.mark.parametrize(
    ("cell", "written"),
    [
        ("=1+1", "'=1+1"),
        ("@SUM(A1)", "'@SUM(A1)"),
        ("-2+3", "'-2+3"),
        ("-2.5", "-2.5"),
        (-2.5, "-2.5"),
        ('say "hi", twice', '"say ""hi"", twice"'),
        ("two\nlines", '"two\nlines"'),
        (None, ""),
        (True, "true"),
        ([1, "a"], '"[1, ""a""]"'),
    ],
)
def test_a_cell_of_a_csv(cell, written):
    assert as_csv({"columns": ["a", "b"], "rows": [[cell, "end"]]}) == f"\ufeffa,b\r\n{written},end\r\n"


def test_the_cells_of_a_page_are_escaped_numbers_are_short_and_no_value_is_a_dash():
    row = ["<b>", None, 1234.5678, 0.123456, 7, 10**60, True, {"a": "<i>"}]
    view = table_view({"columns": [f"c{n}" for n in range(8)], "rows": [row, row[:2]]})

    first, second = view.rows_as_html()
    assert first == (
        '<tr><td>&lt;b&gt;</td><td>–</td><td class="number" title="1234.5678">1235</td>'
        '<td class="number" title="0.123456">0.1235</td><td class="number">7</td>'
        f'<td class="number">1{"0" * 39}…</td><td>true</td><td>{{&#34;a&#34;: &#34;&lt;i&gt;&#34;}}</td></tr>'
    )
    assert second == "<tr><td>&lt;b&gt;</td><td>–</td></tr>"


@pytest.mark.parametrize(
    ("table", "options", "notes"),
    [
        ({"columns": ["a"], "rows": [[1]] * 201}, {}, ["Showing 200 of 201 rows. Sorting applies to these."]),
        ({"columns": ["a"], "rows": [[1]] * 200}, {}, []),
        ({"columns": ["a"], "rows": [[1]]}, {"most_cells": 0}, ["Its 1 rows have no room on this page."]),
        ({"columns": ["a"], "rows": [[1]]}, {"shape": (9, 1)}, ["Showing 1 of 9 rows."]),
        ({"columns": ["a"] * 101, "rows": []}, {}, ["Showing 100 of 101 columns. The downloads have all."]),
        ({"columns": [], "rows": []}, {}, []),
    ],
)
def test_a_sentence_says_what_is_left_out(table, options, notes):
    made = table_view(table, **options).notes()

    assert len(made) == len(notes)
    assert all(text.startswith(note) for text, note in zip(made, notes, strict=True))


def test_long_cells_and_names_are_cut():
    view = table_view({"columns": ["n" * 5_000], "rows": [["x" * 5_000], [["y" * 5_000]]]})

    assert [len(view.columns[0].name), *(len(row[0]) for row in view.rows)] == [201, 501, 501]


@pytest.mark.parametrize(
    ("cells", "shown"),
    [
        ([0.963, 0.9642], ["0.9630", "0.9642"]),
        ([0.0378, 0.03783, None], ["0.03780", "0.03783"]),
        ([12.5, 1234.5678], ["12.5", "1234.6"]),
        ([1e-9, 0.5], ["1e-09", "0.5"]),
        ([1.0, 2.0], ["1", "2"]),
        ([3, 0.25], ["3", "0.25"]),
    ],
)
def test_the_decimals_of_a_column_stand_below_each_other(cells, shown):
    view = table_view({"columns": ["x"], "rows": [[cell] for cell in cells]})

    assert re.findall(r">([^<>–]+)</td>", "".join(view.rows_as_html())) == shown
