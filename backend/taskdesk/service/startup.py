"""The first steps of each of our programs."""

from __future__ import annotations

import sys

from taskdesk.service.checks import exit_if_unsafe
from taskdesk.service.logs import configure_logs, log_to_file
from taskdesk.service.sentry import configure_sentry
from taskdesk.service.settings import Settings, SharedSettings, load_settings_or_exit
from taskdesk.service.settings_help import help_page


def start_process(settings_class: type[Settings], role: str) -> Settings:
    """Read and check the settings, then set up the log and Sentry; `role` names the log file.

    Raises SystemExit if the settings are wrong, or unsafe in prod, and with status 0 after `--help`.
    """
    answer_help(settings_class)
    settings = load_settings_or_exit(settings_class)
    exit_if_unsafe(settings)
    log_to_file(settings.log_dir, role)
    configure_logs(settings.env)
    configure_sentry(settings.sentry_dsn, settings.env, role)
    return settings


def answer_help(settings_class: type[SharedSettings]) -> None:
    """If the program was started with `--help`, print its settings and end it."""
    if {"-h", "--help"} & {*sys.argv[1:]}:
        print(help_page(settings_class))
        raise SystemExit(0)
