"""A page has room for so much of a result, whatever it consists of."""

from __future__ import annotations

import json

import pytest

from taskdesk.jobs.previews import preview_of
from taskdesk.web.pages.view.parts import MAX_SHOWN_PARTS, parts_left_out, shown_parts

FILE = {"artifact": "a.txt", "media_type": "text/plain", "size": 1, "filename": "a.txt"}


def _shown(kinds, value):
    preview = preview_of(kinds, value, len(json.dumps(value)))
    return preview, shown_parts(preview)


def _parts(kind, values):
    names = [f"p{n}" for n in range(len(values))]
    return dict.fromkeys(names, kind), dict(zip(names, values, strict=True))


def _nodes(node):
    return 1 + sum(map(_nodes, node.entries))


def test_the_tables_of_a_page_have_a_limit_together():
    table = {"columns": ["a", "b"], "rows": [[1, 2]] * 150}
    _, parts = _shown(*_parts("table", [table] * 60))

    assert sum(part.content.cell_count for part in parts) <= 10_000
    assert parts[0].notes == []
    assert parts[-1].notes == ["Its 150 rows have no room on this page. The downloads have them."]
    assert "csv" in parts[-1].downloads


def test_the_trees_of_a_page_have_a_limit_together():
    _, parts = _shown(*_parts("json", [{"list": [[n] * 30 for n in range(100)]}] * 30))

    assert sum(_nodes(part.content) for part in parts) <= 2_000 + 2 * len(parts)
    assert parts[-1].content.left_out == 1


def test_the_markdown_of_a_page_has_a_limit_together():
    _, parts = _shown(*_parts("markdown", ["*a* b\n\n" * 6_000] * 6))

    assert sum(len(part.content) for part in parts) < 400_000
    assert parts[0].notes[0].startswith("The first ")
    assert parts[-1].notes == ["Its 42,000 characters have no room on this page. The download has them."]


def test_very_many_parts_are_counted():
    preview, parts = _shown(*_parts("json", [1] * 1_500))

    assert (len(parts), parts_left_out(preview)) == (MAX_SHOWN_PARTS, 1_300)


def test_very_many_files_are_counted():
    value = [[{**FILE, "artifact": f"f{n}"}] for n in range(250)]
    _, [part] = _shown(["json", *(f"/{n}/0" for n in range(250))], value)

    assert len(part.files) == 200
    assert part.notes == ["50 more files; the JSON names them."]


@pytest.mark.parametrize(
    ("value", "places", "look"),
    [
        ([FILE, FILE], ["/0", "/1"], "files"),
        ({"a": FILE}, ["/a"], "files"),
        ([FILE, FILE], ["/0"], "table"),  # one that only looks like a file
        ([FILE, {"of": FILE}], ["/0", "/1/of"], "json"),
        ([FILE], [], "table"),
    ],
)
def test_a_list_of_files_is_shown_as_its_downloads(value, places, look):
    _, [part] = _shown(["json", *places], value)

    assert (part.look, len(part.files)) == (look, len(places))
    assert bool(part.downloads) is (look != "files")


@pytest.mark.parametrize("value", [10**4000, "x" * 3_000, {"k" * 5_000: 1}, [["x" * 9_000]], "x" * 600, "short"])
def test_one_long_value_is_cut(value):
    kind = "text" if isinstance(value, str) else "json"
    _, [part] = _shown({"n" * 5_000: kind}, {"n" * 5_000: value})

    assert len(part.title) == 200
    assert part.is_short is (value == "short")
    if part.look == "json":
        assert all(len(node.text) <= 2_001 and len(node.name) <= 201 for node in [part.content, *part.content.entries])
