"""A list of flat objects, such as the rows of csv.DictReader, as a table. In the API it stays the list that it is."""

from __future__ import annotations

from typing import Any

MAX_COLUMNS = 200  # a list of objects with more keys is shown as JSON

_SCALARS = {str, int, float, bool, type(None)}


def table_of_records(value: Any) -> dict[str, Any] | None:
    """Return columns and rows of a list of objects; None for any other value. A key that a row lacks is empty."""
    if not (isinstance(value, list) and set(map(type, value)) == {dict}):
        return None
    columns: dict[str, None] = {}
    for record in value:
        columns.update(dict.fromkeys(record))
        if len(columns) > MAX_COLUMNS or not set(map(type, record.values())) <= _SCALARS:
            return None
    return {"columns": list(columns), "rows": [[*map(record.get, columns)] for record in value]} if columns else None
