"""Text that is no JSON is refused with a sentence."""

from __future__ import annotations

import pytest

from taskdesk.jobs.errors import NotJson
from taskdesk.jobs.strict_json import parse_json


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        (b'{"a": 1,\n b}', "This is no JSON: it can't be read at line 2, column 2."),
        (b'{"a": NaN}', "This is no JSON: it has no NaN. Use null, or leave it out."),
        (b"\xff{}", "This is no JSON: it is not in UTF-8, or holds a number of thousands of digits."),
        (b"1" * 5_000, "This is no JSON: it is not in UTF-8, or holds a number of thousands of digits."),
        (b"[" * 21 + b"]" * 21, "This is nested deeper than 20 levels."),
        (b"[" * 200_000, "This is nested deeper than 20 levels."),
    ],
)
def test_text_that_is_no_json_is_refused_with_a_sentence(text, sentence):
    with pytest.raises(NotJson) as raised:
        parse_json(text)

    assert str(raised.value) == sentence
