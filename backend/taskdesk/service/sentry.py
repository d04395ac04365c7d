"""Reports of unexpected errors to Sentry, if SENTRY_DSN is set. Otherwise Sentry's library is not imported.

A report has the kind of error, the lines of code, and the tags. It never has a message, a variable, an argument or a
header: they may hold what people have typed. The job's page and the log have the message, under the ids of the tags.
"""

from __future__ import annotations

import sys
from importlib import import_module
from types import ModuleType
from typing import Any

from pydantic import SecretStr

from taskdesk.service.errors import AppError, SettingsError
from taskdesk.version import VERSION

FLUSH_TIMEOUT_SECONDS = 2.0

_sentry: ModuleType | None = None


def configure_sentry(dsn: SecretStr, env: str, role: str) -> None:
    """Make this process and its children report errors, if there is a DSN. Raises SystemExit if the DSN is wrong."""
    global _sentry
    if not dsn.get_secret_value():
        return
    _sentry = import_module("sentry_sdk")
    try:
        _sentry.init(
            dsn.get_secret_value(),
            environment=env,
            release=f"taskdesk@{VERSION}",
            default_integrations=False,  # they would report log lines, and add requests and arguments
            auto_enabling_integrations=False,
            send_default_pii=False,
            include_local_variables=False,
            max_breadcrumbs=0,
            auto_session_tracking=False,
            enable_backpressure_handling=False,  # it would start a thread
            send_client_reports=False,
            spotlight=False,
            before_send=_strip_messages,
        )
    except ValueError as error:
        print(SettingsError([f"SENTRY_DSN: {error}"]), file=sys.stderr)
        raise SystemExit(2) from None
    _sentry.set_tag("role", role)


def report(error: BaseException, **tags: str) -> None:
    """Report an error in a thread, unless it is an error of a user."""
    if _sentry and not (isinstance(error, AppError) and error.status < 500):
        _sentry.capture_exception(error, tags={name: value for name, value in tags.items() if value})


def flush_reports() -> None:
    """Send the pending reports; call this before a process ends. It gives up after FLUSH_TIMEOUT_SECONDS."""
    if _sentry:
        _sentry.flush(timeout=FLUSH_TIMEOUT_SECONDS)


def _strip_messages(event: dict[str, Any], hint: dict[str, Any]) -> dict[str, Any]:
    for exception in event.get("exception", {}).get("values", ()):
        exception.pop("value", None)
    return event
