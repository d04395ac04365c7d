"""Which JSON is shown as a table."""

from __future__ import annotations

import pytest

from taskdesk.jobs.records import MAX_COLUMNS, table_of_records


@pytest.mark.parametrize(
    ("value", "columns", "rows"),
    [
        ([{"a": 1}], ["a"], [[1]]),
        ([{"b": "x", "a": None}, {"c": True}], ["b", "a", "c"], [["x", None, None], [None, None, True]]),
        ([{}, {"a": 1.5}], ["a"], [[None], [1.5]]),
    ],
)
def test_a_list_of_flat_objects_is_a_table(value, columns, rows):
    assert table_of_records(value) == {"columns": columns, "rows": rows}


@pytest.mark.parametrize(
    "value",
    [
        [],
        [{}],
        {"a": 1},
        [1],
        [{"a": 1}, 2],
        [{"a": [1]}],
        [{"a": {}}],
        "text",
        None,
        [{f"{n}": n for n in range(MAX_COLUMNS + 1)}],
    ],
)
def test_other_json_is_no_table(value):
    assert table_of_records(value) is None
