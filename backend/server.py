"""The web's entry point: gevent first, then settings, application, server."""

from gevent import events, monkey

events.notify_and_call_entry_points = events.notify  # to look for plug-ins of gevent takes a seventh of the start
monkey.patch_all(os=False, signal=False)  # web processes are forked before gevent's loop runs

import os  # noqa: E402
import sys  # noqa: E402
import tempfile  # noqa: E402

# Where web processes put what they count. It has to be there before prometheus_client is imported. Not beside uploads:
# a process that writes to a mapped file is killed (SIGBUS) when its disk is full.
memory = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
meters = tempfile.TemporaryDirectory(
    prefix=f"meters-of-taskdesk-{os.getpid()}-", dir=memory, ignore_cleanup_errors=True
)
os.environ["PROMETHEUS_MULTIPROC_DIR"] = meters.name

from taskdesk.service.checks import exit_if_unsafe  # noqa: E402
from taskdesk.service.logs import configure_logs, log_to_file  # noqa: E402
from taskdesk.service.sentry import configure_sentry, flush_reports  # noqa: E402
from taskdesk.service.settings import load_settings_or_exit  # noqa: E402
from taskdesk.web import create_app  # noqa: E402
from taskdesk.web.metrics.request_log import configure_request_logs  # noqa: E402
from taskdesk.web.server.serve import serve  # noqa: E402
from taskdesk.web.settings import WebSettings  # noqa: E402

if __name__ == "__main__":
    settings = load_settings_or_exit(WebSettings)
    exit_if_unsafe(settings)
    log_to_file(settings.log_dir, "web")
    configure_logs(settings.env)
    configure_sentry(settings.sentry_dsn, settings.env, "web")
    configure_request_logs(settings.env)
    status = serve(settings.app_host, settings.app_port, settings.web_processes, lambda: create_app(settings))
    flush_reports()
    sys.exit(status)
