"""Markdown on a page: safe, and limited."""

from __future__ import annotations

import pytest

from taskdesk.web.pages.view.markdown import MAX_CHARACTERS, MAX_LINES, beginning, to_html
from tests.web.other_requests import other_requests


@pytest.mark.parametrize(
    ("markdown", "characters"),
    [
        ("short", 5),
        ("x" * MAX_CHARACTERS, MAX_CHARACTERS),
        ("![[" * 300_000, MAX_CHARACTERS),
        ("a\n" * 50_000, MAX_LINES * 2),
        ("|a|\n|-|\n" + "|\n" * 50_000, (MAX_LINES - 2) * 2 + 8),
    ],
)
def test_the_beginning_of_a_text_is_rendered(markdown, characters):
    assert len(beginning(markdown)) == characters
    assert markdown.startswith(beginning(markdown))


def test_tags_are_text_and_headings_are_below_that_of_the_part():
    assert to_html("# a\n<b>", 2) == "<h3>a</h3>\n<p>&lt;b&gt;</p>\n"


@pytest.mark.parametrize("markdown", ["![[" * 300_000, "*a_" * 300_000, "* a\n" * 300_000])
def test_other_requests_go_on_while_a_long_text_is_rendered(markdown):
    with other_requests() as pauses:
        html = to_html(markdown, 2)

    assert len(html) > 10_000
    assert len(pauses) > 3
