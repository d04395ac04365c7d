"""How large the body of a request may be stands at its view: SMALL_BYTES, unless the view takes more.

    @takes(JSON_BYTES)   a body of up to so many bytes
    @takes_files         up to MAX_UPLOAD_BYTES

The limit holds before anything reads the body, so a form without a file can't fill the temporary folder.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from flask import Flask

SMALL_BYTES = 16_384
JSON_BYTES = 1_000_000  # the largest JSON body, and all texts of a form together
FORM_BYTES = 4 * JSON_BYTES  # of a form with texts: percent-encoding makes most characters three times as long
BATCH_BYTES = 16_000_000  # the largest JSON body of a batch
_UPLOADS = -1
View = TypeVar("View", bound=Callable[..., Any])


def takes(most: int) -> Callable[[View], View]:
    """Let bodies of up to `most` bytes in."""

    def mark(view: View) -> View:
        view.body_limit = most  # type: ignore[attr-defined]
        return view

    return mark


def takes_files(view: View) -> View:
    """Let bodies of up to MAX_UPLOAD_BYTES in."""
    return takes(_UPLOADS)(view)


def body_limit(app: Flask, view: Callable[..., Any] | None) -> int:
    """Return how many bytes the body of a request to this view may have."""
    largest: int = app.config["MAX_CONTENT_LENGTH"]
    most: int = getattr(view, "body_limit", SMALL_BYTES)
    return largest if most == _UPLOADS else most
