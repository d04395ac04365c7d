"""Rules for every request and answer: no writes from other sites, readable forms, safe headers."""

from __future__ import annotations

from typing import Any

from flask import Request, abort
from werkzeug.formparser import FormDataParser
from werkzeug.wsgi import get_host

from taskdesk.service.errors import AppError
from taskdesk.service.hosts import SAFE_METHODS, is_foreign


class UnreadableForm(AppError):
    """Unreadable form: its parts can't be separated, or have no name."""

    status = 400


class StrictRequest(Request):
    """A request that refuses an unreadable form. Werkzeug treats it as empty, and a job would run without arguments.

    Reading `form` or `files` raises UnreadableForm.
    """

    def make_form_data_parser(self) -> FormDataParser:
        parser = super().make_form_data_parser()
        parser.silent = False
        return parser

    def _load_form_data(self) -> None:
        try:
            super()._load_form_data()
        except ValueError:
            raise UnreadableForm(
                "The form can't be read. Let your client write the body and the Content-Type, as curl -F does."
            ) from None
        if None in self.form or None in self.files:
            raise UnreadableForm("A part of the form has no name.")


def refuse_foreign_write(environ: dict[str, Any]) -> None:
    """Abort with 403 if the method writes and a page of another site sends the request."""
    if environ["REQUEST_METHOD"] not in SAFE_METHODS:
        refuse_foreign_request(environ)


def refuse_foreign_request(environ: dict[str, Any]) -> None:
    """Abort with 403 if a page of another site sends the request: browsers say so, scripts don't.

    A route that writes on a GET has to call it.
    """
    site, origin = environ.get("HTTP_SEC_FETCH_SITE"), environ.get("HTTP_ORIGIN")
    if (site or origin) and is_foreign(site, origin, get_host(environ)):
        abort(403, "A page of another site may not send this request.")
