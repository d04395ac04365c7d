"""The examples of the pages in docs/: tests run each of their lines."""

from __future__ import annotations

import re

from tests.conftest import BACKEND

DOCS = BACKEND.parent / "docs"


def blocks(page: str, language: str) -> list[str]:
    """Return the examples of a page in this language, in order."""
    return re.findall(rf"^```{language}\n(.*?)^```$", (DOCS / page).read_text(), re.DOTALL | re.MULTILINE)


def all_blocks(page: str) -> list[tuple[str, str]]:
    """Return the language and the text of each example of a page, in order."""
    return re.findall(r"^```(\w+)\n(.*?)^```$", (DOCS / page).read_text(), re.DOTALL | re.MULTILINE)
