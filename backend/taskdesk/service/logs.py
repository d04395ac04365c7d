"""The log of a process: JSON lines in prod, readable lines in dev. No text can forge a line in either.

A line about a job names the job and the request that submitted it, so one search finds the lines of the web, of the
worker and of the task.
"""

from __future__ import annotations

import json
import logging
import os
import re
import sys
import time
from functools import lru_cache
from pathlib import Path
from typing import Any, TextIO

from taskdesk.service.errors import SettingsError

# Line breaks and control sequences, which would forge a line or steer the terminal, become visible text.
_CONTROL = {code: f"\\x{code:02x}" for code in (*range(32), *range(127, 160))} | {ord("\t"): "\t", ord("\n"): "\\n"}
# A text of several lines keeps its line breaks. A carriage return would let a line overwrite the one before.
_CONTROL_IN_TEXT = _CONTROL | {ord("\n"): "\n", ord("\r"): "\n"}
_PLAIN = re.compile(r"[!#-<>-~]*")  # what stands in a line without quotation marks
_encode = json.JSONEncoder(default=repr).encode  # json.dumps would make an encoder for each line
_default_fields: dict[str, Any] = {}


def configure_logs(env: str) -> None:
    """Make this process and its children log to stdout, from INFO on."""
    handler = _LineHandler(sys.stdout)
    handler.setFormatter(formatter_for(env))
    logging.basicConfig(level=logging.INFO, handlers=[handler])


def formatter_for(env: str) -> logging.Formatter:
    return _JsonLines() if env == "prod" else _ReadableLines("%(levelname)s %(message)s")


def log_event(log: logging.Logger, event: str, **fields: Any) -> None:
    """Log an event with its fields at INFO.

    It takes a third less CPU than `log.info`, which looks for its caller; each request writes one or two such lines.
    """
    if log.isEnabledFor(logging.INFO):
        record = logging.LogRecord(log.name, logging.INFO, "", 0, event, (), None)
        record.__dict__["fields"] = fields
        log.handle(record)


def job_fields(job_id: str, request_id: str) -> dict[str, str]:
    """Return the fields of a line about a job. `request_id` is empty for a job that no request has submitted."""
    return {"job_id": job_id, "request_id": request_id} if request_id else {"job_id": job_id}


def set_default_fields(fields: dict[str, str]) -> None:
    """Add these fields to every line of this process, from any thread, that has none of its own.

    A line brings its own by `extra={"fields": {…}}`.
    """
    global _default_fields
    _default_fields = fields


def escape_controls(text: str) -> str:
    """Return the text with its control sequences made visible, so that a terminal can show it."""
    return text.translate(_CONTROL_IN_TEXT)


def log_to_file(folder: str, role: str) -> None:
    """Make this process and its children write to `<folder>/<role>.log` instead of stdout and stderr.

    An empty `folder` changes nothing. Lines are appended, so logrotate's copytruncate may empty the file.
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


class _LineHandler(logging.StreamHandler[TextIO]):
    """Writes a line in one call, without a lock. Under gevent, logging's two locks take a third of a line's CPU."""

    def handle(self, record: logging.LogRecord) -> bool:
        if self.filter(record):
            self.emit(record)
        return True

    def flush(self) -> None:
        self.stream.flush()


class _ReadableLines(logging.Formatter):
    def formatMessage(self, record: logging.LogRecord) -> str:
        fields = [f"{name}={_quoted(value)}" for name, value in _fields_of(record).items()]
        line = " ".join([super().formatMessage(record), *fields])
        return line if line.isprintable() else line.translate(_CONTROL)


class _JsonLines(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        line = {
            "timestamp": f"{_iso_second(int(record.created))}.{int(record.created % 1 * 1e6):06}Z",
            "level": record.levelname.lower(),
            "logger": record.name,
            "event": record.getMessage(),
            **_fields_of(record),
        }
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return _encode(line)


def _fields_of(record: logging.LogRecord) -> dict[str, Any]:
    return getattr(record, "fields", _default_fields)


def _quoted(value: Any) -> str:
    text = str(value)
    return text if _PLAIN.fullmatch(text) else json.dumps(text)


@lru_cache(1)
def _iso_second(timestamp: int) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(timestamp))
