"""What a process logs: where to, and as what. JSON lines in prod, lines for people in dev; neither can be forged.

A line about a job names it and the request that submitted it, so a line of the web leads to those of the worker, and to
those of the task itself.
"""

from __future__ import annotations

import json
import logging
import os
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from taskdesk.service.errors import SettingsError

# Line breaks and the terminal's control sequences, in what others have written.
_CONTROL = {code: f"\\x{code:02x}" for code in (*range(32), *range(127, 160))} | {ord("\t"): "\t", ord("\n"): "\\n"}
# Of a text of several lines. A line can be written over by none that follows it.
_CONTROL_OF_TEXT = _CONTROL | {ord("\n"): "\n", ord("\r"): "\n"}
_about: dict[str, str] = {}


def about_job(job_id: str, request_id: str) -> dict[str, str]:
    """The fields of a line about this job. `request_id` is empty if no request has submitted it."""
    return {"job_id": job_id, "request_id": request_id} if request_id else {"job_id": job_id}


def log_about(fields: dict[str, str]) -> None:
    """From now on each line that this process logs, in whatever thread, has these fields, unless it brings its own
    (`extra={"about": {…}}`).
    """
    global _about
    _about = fields


def configure_logs(env: str) -> None:
    """Let this process and its children log to stdout, from INFO on."""
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(formatter_for(env))
    logging.basicConfig(level=logging.INFO, handlers=[handler])


def formatter_for(env: str) -> logging.Formatter:
    return _JsonLines() if env == "prod" else _Lines("%(levelname)s %(message)s")


def escape_controls(text: str) -> str:
    """What others have printed, for a terminal that it must not control."""
    return text.translate(_CONTROL_OF_TEXT)


def _fields(record: logging.LogRecord) -> dict[str, Any]:
    return getattr(record, "about", _about)


class _Lines(logging.Formatter):
    def formatMessage(self, record: logging.LogRecord) -> str:
        line = " ".join([super().formatMessage(record), *[f"{k}={_word(v)}" for k, v in _fields(record).items()]])
        return line.translate(_CONTROL)


def _word(value: Any) -> str:
    text = str(value)
    return text if text.isprintable() and not set(text) & set(' "=') else json.dumps(text)


class _JsonLines(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        line = {
            "timestamp": datetime.fromtimestamp(record.created, UTC).isoformat().replace("+00:00", "Z"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "event": record.getMessage(),
            **_fields(record),
        }
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return json.dumps(line, default=repr)


def log_to_file(folder: str, role: str) -> None:
    """Let this process and its children write to `<folder>/<role>.log` instead of stdout and stderr; without a folder
    nothing changes. Lines are appended, so another program may empty the file (logrotate's copytruncate).

    Raises SystemExit with status 2 if the file can't be opened.
    """
    if not folder:
        return
    try:
        Path(folder).mkdir(parents=True, exist_ok=True)
        with Path(folder, f"{role}.log").open("ab") as file:
            for stream in (sys.stdout, sys.stderr):
                os.dup2(file.fileno(), stream.fileno())
    except OSError as error:
        print(SettingsError([f"LOG_DIR can't be used: {error}."]), file=sys.stderr)
        raise SystemExit(2) from None
    sys.stdout.reconfigure(line_buffering=True)  # type: ignore[union-attr]
