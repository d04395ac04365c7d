"""The first steps of each of our programs."""

from __future__ import annotations

import logging
import sys

from taskdesk.service.checks import exit_if_unsafe, readable_secrets
from taskdesk.service.logs import configure_logs, log_to_file
from taskdesk.service.sentry import configure_sentry
from taskdesk.service.settings import Settings, SharedSettings, load_settings_or_exit
from taskdesk.service.settings_help import help_page
from taskdesk.version import VERSION

log = logging.getLogger("settings")


def start_process(settings_class: type[Settings], role: str) -> Settings:
    """Read and check the settings, then set up the log and Sentry; `role` names the log file.

    Raises SystemExit if there are arguments, or if the settings are wrong, or unsafe in prod.
    """
    answer_arguments(settings_class)
    settings = load_settings_or_exit(settings_class)
    exit_if_unsafe(settings)
    log_to_file(settings.log_dir, role)
    configure_logs(settings.env)
    if settings.env == "prod":
        for sentence in readable_secrets(settings):
            log.warning("%s", sentence)
    configure_sentry(settings.sentry_dsn, settings.env, role)
    return settings


def answer_arguments(settings_class: type[SharedSettings]) -> None:
    """Answer `--help` and `--version`, and refuse any other argument with status 2. Return if there is none."""
    given = sys.argv[1:]
    if {"-h", "--help"} & {*given}:
        print(help_page(settings_class))
    elif given == ["--version"]:
        print(f"taskdesk {VERSION}")
    elif given:
        print(_refusal(settings_class, given), file=sys.stderr)
        raise SystemExit(2)
    else:
        return
    raise SystemExit(0)


def _refusal(settings_class: type[SharedSettings], given: list[str]) -> str:
    """Return a sentence that names the settings which the arguments seem to mean, and no value: it may be a secret."""
    wanted = {word.partition("=")[0].lstrip("-").replace("-", "_").upper() for word in given if word.startswith("--")}
    names = [name.upper() for name in settings_class.model_fields]
    meant = [name for name in names if name in wanted or name.partition("_")[2] in wanted] or ["SETTING"]
    return (
        f"This program takes no arguments: its settings come from the environment. Write {'=… '.join(meant)}=… before "
        "the command, or into .env. --help lists all settings."
    )
