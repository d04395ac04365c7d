"""A table, on a page and as CSV."""

from __future__ import annotations

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
