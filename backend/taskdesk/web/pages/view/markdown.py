"""Markdown as HTML that may stand on a page, whoever wrote it."""

from __future__ import annotations

from markdown_it import MarkdownIt
from markupsafe import Markup

_MARKDOWN = MarkdownIt("commonmark", {"html": False}).enable("table").disable("image")


def to_html(markdown: str, under: int) -> Markup:
    """HTML in it is shown as text, and it can't load pictures from elsewhere.

    Its headings come under one of level `under`.
    """
    tokens = _MARKDOWN.parse(markdown)
    for token in tokens:
        if token.type in ("heading_open", "heading_close"):
            token.tag = f"h{min(int(token.tag[1]) + under, 6)}"
    return Markup(_MARKDOWN.renderer.render(tokens, _MARKDOWN.options, {}))
