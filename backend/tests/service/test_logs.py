"""Lines of the log: their fields, in prod and in dev, and that no text can forge one."""

from __future__ import annotations

import json
import logging

import pytest

from taskdesk.service import logs
from taskdesk.service.audit import write_audit

FORGED = 'a\n{"event": "forged"}\x1b[2J'


class Lines(logging.Handler):
    """The lines that a logger writes, formatted for an environment."""

    def __init__(self, env: str):
        super().__init__()
        self.setFormatter(logs.formatter_for(env))
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(self.format(record))


@pytest.fixture
def log_in(monkeypatch):
    """A logger and its lines, for an environment."""

    def make(env: str) -> tuple[logging.Logger, list[str]]:
        log = logging.getLogger("audit")
        handler = Lines(env)
        monkeypatch.setattr(log, "handlers", [handler])
        monkeypatch.setattr(log, "level", logging.INFO)
        log.manager._clear_cache()
        return log, handler.lines

    yield make
    logging.root.manager._clear_cache()


def test_a_line_of_prod_is_json_with_time_level_logger_event_and_fields(log_in):
    _, lines = log_in("prod")

    write_audit("ann", "cancel_job", "7", status=202)

    line = json.loads(lines[0])
    assert line.pop("timestamp").endswith("Z")
    audit = {"who": "ann", "what": "cancel_job", "subject": "7", "status": 202}
    assert line == {"level": "info", "logger": "audit", "event": "audit", **audit}


def test_a_line_of_dev_names_its_fields(log_in):
    _, lines = log_in("dev")

    write_audit("", "cancel_job", "two words")

    assert lines == ['INFO audit who= what=cancel_job subject="two words"']


@pytest.mark.parametrize("env", ["dev", "prod"])
def test_no_text_forges_a_line_or_steers_the_terminal(log_in, env):
    log, lines = log_in(env)

    log.warning("it said %s", FORGED, extra={"fields": {"word": FORGED}})

    assert len(lines) == 1
    assert not any(character in lines[0] for character in "\n\x1b")


def test_a_line_has_the_default_fields_unless_it_has_its_own(log_in, monkeypatch):
    log, lines = log_in("dev")
    monkeypatch.setattr(logs, "_default_fields", {})
    logs.set_default_fields(logs.job_fields("7", "r1"))

    log.info("plain")
    log.info("own", extra={"fields": logs.job_fields("8", "")})

    assert lines == ["INFO plain job_id=7 request_id=r1", "INFO own job_id=8"]
