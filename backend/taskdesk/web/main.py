"""The web program: read the settings, check them, serve. `server.py` runs it."""

from __future__ import annotations

from taskdesk.service.checks import exit_if_unsafe
from taskdesk.service.logs import configure_logs, log_to_file
from taskdesk.service.sentry import configure_sentry, flush_reports
from taskdesk.service.settings import load_settings_or_exit
from taskdesk.web.application import create_app
from taskdesk.web.metrics.request_log import configure_request_logs
from taskdesk.web.server.serve import serve
from taskdesk.web.settings import WebSettings


def main() -> int:
    """Serve until SIGTERM or SIGINT; return the exit status."""
    settings = load_settings_or_exit(WebSettings)
    exit_if_unsafe(settings)
    log_to_file(settings.log_dir, "web")
    configure_logs(settings.env)
    configure_sentry(settings.sentry_dsn, settings.env, "web")
    configure_request_logs(settings.env)
    status = serve(settings.app_host, settings.app_port, settings.web_processes, lambda: create_app(settings))
    flush_reports()
    return status
