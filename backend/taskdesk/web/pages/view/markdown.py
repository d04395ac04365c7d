"""Markdown as HTML that is safe on a page, whoever wrote it."""

from __future__ import annotations

from markdown_it import MarkdownIt
from markupsafe import Markup

_MARKDOWN = MarkdownIt("commonmark", {"html": False}).enable("table").disable("image")


def to_html(markdown: str, under: int) -> Markup:
    """Return HTML. Tags in the Markdown are shown as text, and it can't load pictures from elsewhere.

    Its headings are below a heading of level `under`.
    """
    tokens = _MARKDOWN.parse(markdown)
    for token in tokens:
        if token.type in ("heading_open", "heading_close"):
            token.tag = f"h{min(int(token.tag[1]) + under, 6)}"
    return Markup(_MARKDOWN.renderer.render(tokens, _MARKDOWN.options, {}))
