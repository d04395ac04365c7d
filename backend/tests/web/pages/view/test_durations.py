"""Durations in words."""

from __future__ import annotations

import pytest

from taskdesk.web.pages.view.durations import duration


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0.0001, "< 1 ms"),
        (0.0123, "12 ms"),
        (8.24, "8.2 s"),
        (5.0, "5.0 s"),
        (5, "5 s"),
        (59, "59 s"),
        (180, "3 min"),
        (200, "3 min 20 s"),
        (7200, "2 h"),
        (7500, "2 h 5 min"),
    ],
)
def test_a_duration_in_words_that_a_line_does_not_break(seconds, words):
    assert duration(seconds) == words.replace(" ", "\N{NO-BREAK SPACE}")
