"""A JSON document as a tree that can be folded."""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from itertools import islice
from types import MappingProxyType
from typing import Any

from taskdesk.jobs.parts import pointer_of
from taskdesk.jobs.previews import MAX_ENTRIES, MAX_NAME, MAX_TEXT

MAX_NODES = 2_000  # of one document; the rest is only counted
MAX_DEPTH = 20
MAX_LINE = 72  # characters of an object or list that stands on one line


@dataclass
class Node:
    """A value. `kind` is text, number, word (true, false, null), line (a small object or list) or group.

    `text` is its JSON; of a group how many entries it has. `left_out`: how many of these are not shown.
    """

    name: str
    kind: str
    text: str
    depth: int
    entries: list[Node] = field(default_factory=list)
    left_out: int = 0

    def size(self) -> int:
        return 1 + sum(entry.size() for entry in self.entries)


def tree(value: Any, lengths: Mapping[str, int] = MappingProxyType({}), most: int = MAX_NODES) -> Node:
    """Return the tree. It is built level by level, so that a large document loses its deepest nodes.

    `lengths`: as in PartPreview.
    """
    root = _node("", value, 0, lengths.get(""))
    groups = deque([(root, value, "")] if root.kind == "group" else [])
    room = max(most, 0)
    while groups:
        node, content, where = groups.popleft()
        for name, entry in islice(_items(content), min(MAX_ENTRIES, room)):
            its_place = f"{where}{pointer_of(name)}"
            child = _node(name, entry, node.depth + 1, lengths.get(its_place))
            node.entries.append(child)
            if child.kind == "group":
                groups.append((child, entry, its_place))
        room -= len(node.entries)
        node.left_out = lengths.get(where, len(content)) - len(node.entries)
    return root


def json_text(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)


def _node(name: str, value: Any, depth: int, length: int | None) -> Node:
    """`length`: of a list or an object that is cut."""
    name = _cut(name, MAX_NAME)
    if not isinstance(value, (dict, list)):
        return Node(name, _kind(value), _cut(json_text(value), MAX_TEXT), depth)
    if depth >= MAX_DEPTH or (length is None and _is_short(value)):
        return Node(name, "line", _cut(json_text(value), MAX_TEXT), depth)
    count = len(value) if length is None else length
    return Node(name, "group", f"{count:,} {'entry' if count == 1 else 'entries'}", depth)


def _kind(value: Any) -> str:
    if isinstance(value, str):
        return "text"
    return "word" if value is None or isinstance(value, bool) else "number"


def _is_short(value: dict[str, Any] | list[Any]) -> bool:
    entries = value.values() if isinstance(value, dict) else value
    return len(value) < MAX_LINE and not any(map(_is_full, entries)) and len(json_text(value)) <= MAX_LINE


def _is_full(value: Any) -> bool:
    return isinstance(value, (dict, list)) and len(value) > 0


def _items(value: dict[str, Any] | list[Any]) -> Iterable[tuple[str, Any]]:
    return value.items() if isinstance(value, dict) else ((str(number), entry) for number, entry in enumerate(value))


def _cut(text: str, most: int) -> str:
    return text if len(text) <= most else f"{text[:most]}…"
