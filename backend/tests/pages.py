"""The examples of the pages in docs/: tests run each of their lines."""

from __future__ import annotations

import re

from tests.conftest import BACKEND

DOCS = BACKEND.parent / "docs"


def blocks(page: str, language: str) -> list[str]:
    """Return the examples of a page in this language, in order."""
    return re.findall(rf"^```{language}\n(.*?)^```$", (DOCS / page).read_text(), re.DOTALL | re.MULTILINE)
