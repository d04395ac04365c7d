"""Markdown as HTML that is safe on a page, whoever wrote it."""

from __future__ import annotations

from functools import lru_cache

import gevent
from markdown_it import MarkdownIt
from markupsafe import Markup

# Beyond these, a text is shown only in part: 100,000 characters can take seconds.
MAX_CHARACTERS = 100_000
MAX_LINES = 2_000
_IN_THREAD = 5_000  # characters: a longer text is rendered beside the event loop, so that other requests go on

_MARKDOWN = MarkdownIt("commonmark", {"html": False}).enable("table").disable("image")


def to_html(markdown: str, under: int) -> Markup:
    """Return HTML of the text, up to the limits. Tags in it are shown as text; it can't load pictures from elsewhere.

    Its headings are below a heading of level `under`.
    """
    shown = beginning(markdown)
    if len(shown) <= _IN_THREAD:
        return _render(shown, under)
    return gevent.get_hub().threadpool.apply(_render, (shown, under))


def beginning(markdown: str) -> str:
    """Return the part of a text that is rendered: whole lines, where there are some."""
    cut = markdown[:MAX_CHARACTERS]
    return "".join(cut.splitlines(keepends=True)[:MAX_LINES]) if cut.count("\n") >= MAX_LINES else cut


@lru_cache(maxsize=16)
def _render(markdown: str, under: int) -> Markup:
    tokens = _MARKDOWN.parse(markdown)
    for token in tokens:
        if token.type in ("heading_open", "heading_close"):
            token.tag = f"h{min(int(token.tag[1]) + under, 6)}"
    return Markup(_MARKDOWN.renderer.render(tokens, _MARKDOWN.options, {}))
