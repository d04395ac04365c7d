"""JSON as a tree."""

from __future__ import annotations

from taskdesk.web.pages.view.tree import MAX_DEPTH, MAX_NODES, tree


def test_a_large_document_shows_its_upper_levels_and_counts_the_rest():
    root = tree({"wide": list(range(5_000)), "many": [{"n": n, "list": list(range(100))} for n in range(150)]})

    wide, many = root.entries
    nodes = [root]
    for node in nodes:
        nodes += node.entries
    assert (wide.text, len(wide.entries), wide.left_out) == ("5,000 entries", 200, 4_800)
    assert len(many.entries) == 150
    assert len(nodes) == MAX_NODES + 1


def test_small_values_stand_on_one_line_and_deep_ones_do_not_break_the_page():
    deep = "bottom"
    for _ in range(200):
        deep = [deep, 1]

    root = tree({"small": [1, "two", None], "deep": deep})

    assert [(node.kind, node.text) for node in root.entries[:1]] == [("line", '[1, "two", null]')]
    while root.entries:
        root = next((node for node in root.entries if node.entries), root.entries[0])
    assert root.depth == MAX_DEPTH
