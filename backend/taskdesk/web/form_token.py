"""A token in each form, so that a form that is sent twice, as by a double click, makes one job, or one API token."""

from __future__ import annotations

import re
import secrets

from flask import request
from markupsafe import Markup

_FIELD = "-form-token"  # no parameter of a task can have this name
_TOKEN = re.compile(r"[0-9a-f]{32}")


def form_token_field() -> Markup:
    """Return the field for a form that makes something. time.js makes a new token when the user comes back to it."""
    return Markup('<input type="hidden" name="{}" value="{}" autocomplete="off" data-form-token>').format(
        _FIELD, secrets.token_hex(16)
    )


def form_token() -> str:
    """Return the token of the form that was sent; empty if it has none."""
    token = request.form.get(_FIELD, "")
    return token if _TOKEN.fullmatch(token) else ""
