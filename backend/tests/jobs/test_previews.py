"""The preview of a result: small, however large the result is, and true about what it leaves out."""

from __future__ import annotations

import json

import pytest

from taskdesk.jobs.previews import MAX_CHARACTERS, MAX_PARTS, as_json, from_json, preview_of

MANY = 30_000


def _preview(kinds, value):
    preview = preview_of(kinds, value, len(json.dumps(value)))
    stored = as_json(preview)
    assert from_json(kinds, stored) == preview
    assert len(stored) < 500_000
    return preview


def _table(columns, rows):
    return {"columns": [f"c{n}" for n in range(columns)], "rows": [[n] * columns for n in range(rows)]}


def _nested(depth):
    value = ["x" * 100_000]
    for _ in range(depth):
        value = [value, 1]
    return value


@pytest.mark.parametrize(
    ("columns", "rows", "shown_columns", "shown_rows"),
    [(50, 10_000, 50, 200), (3, MANY, 3, 200), (5_000, 100, 100, 100), (1, MANY, 1, 200), (0, MANY, 0, 200)],
)
def test_a_table_has_its_first_rows_and_columns(columns, rows, shown_columns, shown_rows):
    table = _table(columns, rows)
    [part] = _preview("table", table).parts

    assert part.shape == (rows, columns)
    assert part.table["columns"] == table["columns"][:shown_columns]
    assert part.table["rows"] == [row[:shown_columns] for row in table["rows"][:shown_rows]]


def test_long_cells_and_names_are_cut_and_a_table_of_them_stays_small():
    rows = [["x" * 100_000, [1] * 100_000, 5] for _ in range(20)]
    [part] = _preview("table", {"columns": ["n" * 1_000, "b", "c"], "rows": rows}).parts

    [text, inner, number] = part.table["rows"][0]
    assert (text, inner, number) == ("x" * 500 + "…", "[" + "1," * 249 + "1…", 5)
    assert part.table["columns"][0] == "n" * 200 + "…"


def test_a_list_of_flat_objects_has_its_first_rows():
    [part] = _preview("json", [{"a": n, "b": None} for n in range(MANY)]).parts

    assert (part.kind, part.shape, part.table["columns"]) == ("json", (MANY, 2), ["a", "b"])
    assert part.table["rows"][:2] == [[0, None], [1, None]]
    assert len(part.table["rows"]) == 200


@pytest.mark.parametrize("kind", ["text", "markdown"])
def test_a_text_has_its_beginning_and_its_length(kind):
    [part] = _preview(kind, "é<" * 100_000).parts

    assert (part.value, part.characters) == (("é<" * 100_000)[:MAX_CHARACTERS], 200_000)


@pytest.mark.parametrize(
    ("value", "beginning", "lengths"),
    [
        (list(range(MANY)), list(range(200)), {"": MANY}),
        ({"a/b": list(range(MANY)), "c": 1}, {"a/b": list(range(200)), "c": 1}, {"/a~1b": MANY}),
        ({"a": "x" * MANY * 5}, {"a": "x" * 2_000 + "…"}, {}),
        ({"k" * MANY * 5: 1}, {"k" * 200 + "…": 1}, {}),
        ({"k" * MANY * 4 + str(n): n for n in range(3)}, {"k" * 200 + "…": 0}, {"": 3}),
        ([[], {}, *["x" * 100_000] * 2], [[], {}, *["x" * 2_000 + "…"] * 2], {}),
    ],
    ids=["list", "object", "text", "key", "keys that are alike", "empty"],
)
def test_json_has_its_first_entries_and_how_many_there_are(value, beginning, lengths):
    [part] = _preview("json", value).parts

    assert (part.value, part.lengths) == (beginning, lengths)


def test_a_large_document_keeps_its_upper_levels():
    value = {"many": [{"n": n, "list": list(range(300))} for n in range(150)], "end": {"x": [1]}}
    [part] = _preview("json", value).parts

    assert [entry["n"] for entry in part.value["many"]] == list(range(150))
    assert part.value["end"] == {"x": [1]}
    assert part.lengths["/many/149/list"] == 300
    assert _preview("json", _nested(180)).parts[0].lengths == {}


def test_small_parts_are_whole_beside_large_ones_and_each_is_counted():
    kinds = {"score": "json", "table": "table", "note": "text", "file": "file"}
    file = {"artifact": "a.txt", "media_type": "text/plain", "size": 1, "filename": "a.txt"}
    value = {"score": 0.5, "table": _table(50, 10_000), "note": "n", "file": file}
    preview = _preview(kinds, value)

    assert [(part.name, part.is_whole, part.size) for part in preview.parts] == [
        ("score", True, 3),
        ("table", False, len(json.dumps(value["table"], separators=(",", ":")))),
        ("note", True, 3),
        ("file", True, len(json.dumps(file, separators=(",", ":")))),
    ]
    assert preview.as_dict()["parts"][1] == {"name": "table", "kind": "table", "size": preview.parts[1].size}


@pytest.mark.parametrize("part", ["x" * 60_000, "x" * 90_000, list(range(20_000)), _table(40, 300), _table(1, 9_000)])
def test_many_large_parts_have_a_limit_together(part):
    kind = {str: "text", dict: "table", list: "json"}[type(part)]
    preview = _preview({f"p{n}": kind for n in range(100)}, {f"p{n}": part for n in range(100)})

    assert len(preview.parts) == 100
    assert preview.parts[0].value
    assert preview.parts[-1].size > 30_000


def test_very_many_parts_are_counted():
    kinds = {f"p{n}": "json" for n in range(MAX_PARTS + 1)}
    preview = _preview(kinds, dict.fromkeys(kinds, 1))
    made = preview.as_dict()

    assert (len(made["parts"]), made["part_count"]) == (MAX_PARTS, MAX_PARTS + 1)


def test_the_files_inside_a_large_value_are_named():
    files = [{"artifact": f"f{n}", "media_type": "text/plain", "size": 1, "filename": f"{n}"} for n in range(600)]
    kinds = {"few": ["json", "/300/file"], "many": ["json", *(f"/{n}" for n in range(600))]}
    few = [{"n": "x" * 1000, "file": file} for file in files]
    first, second = _preview(kinds, {"few": few, "many": files * 3}).parts

    assert [file.artifact for file in first.files] == ["f300"]
    assert [file.artifact for file in second.files] == [f"f{n}" for n in range(500)]
    assert not _preview(kinds, {"few": few, "many": files * 3}).names_all_files
