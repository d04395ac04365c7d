"""rq-dashboard as a service of its own; `taskdesk/dashboard/` is what we change of it."""

from gevent import events, monkey

events.notify_and_call_entry_points = events.notify  # to look for plug-ins of gevent takes a seventh of the start
monkey.patch_all()

import logging  # noqa: E402
import signal  # noqa: E402
import socket  # noqa: E402
import sys  # noqa: E402

import gevent  # noqa: E402
from gevent.pywsgi import WSGIServer  # noqa: E402

from taskdesk.dashboard.app import create_app  # noqa: E402
from taskdesk.dashboard.settings import DashboardSettings  # noqa: E402
from taskdesk.service.checks import exit_if_unsafe  # noqa: E402
from taskdesk.service.logs import configure_logs, log_to_file  # noqa: E402
from taskdesk.service.sentry import configure_sentry, flush_reports  # noqa: E402
from taskdesk.service.settings import load_settings_or_exit  # noqa: E402


def main() -> int:
    settings = load_settings_or_exit(DashboardSettings)
    exit_if_unsafe(settings)
    log_to_file(settings.log_dir, "dashboard")
    configure_logs(settings.env)
    configure_sentry(settings.sentry_dsn, settings.env, "dashboard")
    host, port = settings.dashboard_host, settings.dashboard_port
    try:
        listener = socket.create_server((host, port), family=socket.AF_INET6 if ":" in host else socket.AF_INET)
    except OSError as error:
        print(f"Can't listen on {host}:{port}: {error.strerror}. Set DASHBOARD_PORT to another.", file=sys.stderr)
        return 2
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    listener.setblocking(False)
    server = WSGIServer(listener, create_app(settings), log=None, error_log=logging.getLogger("gevent"))
    server.start()  # before a signal may stop it
    for number in (signal.SIGTERM, signal.SIGINT):
        gevent.signal_handler(number, lambda: gevent.spawn(server.stop, 2))
    server.serve_forever(stop_timeout=2)
    flush_reports()
    return 0


if __name__ == "__main__":
    sys.exit(main())
