"""The code samples on the page of a task."""

from __future__ import annotations

import html
import re
import shlex


def sample_on(page: str, name: str) -> str:
    return html.unescape(re.search(rf'id="sample-{name}">(.*?)</code>', page, re.DOTALL)[1])


def words_of(sample: str) -> list[str]:
    """Split a sample as a shell does. shlex does not join lines."""
    return shlex.split(sample.replace("\\\n", ""))
