"""A form that is sent twice, by a double click, makes one job: each form that is shown has a key of its own."""

from __future__ import annotations

import re
import secrets

from flask import request
from markupsafe import Markup

_FIELD = "-once"  # no parameter of a task can have this name
_KEY = re.compile(r"[0-9a-f]{32}")


def form_token_field() -> Markup:
    """For each form that makes a job. A browser must not fill it in again; time.js makes a new key on coming back."""
    return Markup('<input type="hidden" name="{}" value="{}" autocomplete="off">').format(_FIELD, secrets.token_hex(16))


def form_token() -> str:
    """The key of the form that was sent; empty if it has none."""
    key = request.form.get(_FIELD, "")
    return key if _KEY.fullmatch(key) else ""
