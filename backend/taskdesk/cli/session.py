"""What a command works with: the settings and the desk, each made on first use."""

from __future__ import annotations

import logging
import os
from functools import cached_property
from pathlib import Path

import click

from taskdesk.cli.terminal import say
from taskdesk.jobs.desk import Desk
from taskdesk.service import clock
from taskdesk.service.audit import keep_audit, write_audit
from taskdesk.service.data_version import refusal_of_data
from taskdesk.service.embedded import find_redis_url
from taskdesk.service.errors import SettingsError
from taskdesk.service.logs import formatter_for
from taskdesk.service.redis import connect_with_timeout
from taskdesk.service.redis_url import redis_address
from taskdesk.service.settings import SharedSettings, fault_of_data_dir, load

REDIS_TIMEOUT_SECONDS = 5.0


class Session:
    @cached_property
    def settings(self) -> SharedSettings:
        return load(SharedSettings)

    @cached_property
    def redis_url(self) -> str:
        return find_redis_url(self.settings)

    @cached_property
    def desk(self) -> Desk:
        """Raises SettingsError, RedisError."""
        redis = connect_with_timeout(self.redis_url, REDIS_TIMEOUT_SECONDS)
        if problem := refusal_of_data(redis):
            raise SettingsError([problem])
        clock.sync(redis)
        return Desk(self.settings, redis)

    @property
    def redis_address(self) -> str:
        """Return the address of Redis without the password."""
        return redis_address(self.redis_url)

    def check_data_dir(self) -> None:
        """Refuse to store uploads where no worker may look for them. Raises UsageError."""
        if fault := fault_of_data_dir(self.settings):
            raise click.UsageError(fault)

    def audit(self, what: str, *subjects: str) -> None:
        """Append an audit line for each subject to `cli.log` in LOG_DIR, if that is set. Redis keeps one for all."""
        who = f"cli:{os.getuid()}"
        if subjects and what != "create_job":
            keep_audit(self.desk.redis, who, what, subjects[0], count=len(subjects))
        if not (self.settings.log_dir and subjects):
            return
        try:
            handler = logging.FileHandler(Path(self.settings.log_dir, "cli.log"))
        except OSError as error:
            return say(f"No audit line was written to {error.filename}: {error.strerror}.")
        handler.setFormatter(formatter_for(self.settings.env))
        log = logging.getLogger("audit")
        log.handlers, log.propagate = [handler], False
        log.setLevel(logging.INFO)
        for subject in subjects:
            write_audit(who, what, subject)
        handler.close()
        log.handlers, log.propagate = [], True


pass_session = click.make_pass_decorator(Session, ensure=True)
