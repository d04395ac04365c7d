"""rq-dashboard as a service of its own, made safe: JSON only, escaped, and written to only from its own pages.

rq-dashboard 0.9 unpickles what it finds, shows job data as raw HTML, and requeues by GET; what is changed here is
changed around it, without a fork.
"""

from gevent import monkey

monkey.patch_all()

import logging  # noqa: E402
import signal  # noqa: E402
import socket  # noqa: E402
import sys  # noqa: E402
from typing import Any  # noqa: E402
from urllib.parse import urlsplit  # noqa: E402

import gevent  # noqa: E402
import rq.serializers  # noqa: E402
from flask import Flask, Response, abort, request  # noqa: E402
from flask.json.provider import DefaultJSONProvider  # noqa: E402
from gevent.pywsgi import WSGIServer  # noqa: E402
from pydantic import Field  # noqa: E402
from redis.exceptions import RedisError  # noqa: E402
from rq.exceptions import NoSuchJobError  # noqa: E402

from jobkit.settings import Port, SharedSettings, load_or_exit  # noqa: E402

# `resolve_serializer(None)` reads this name, so from here on nothing in this process unpickles. rq_dashboard takes its
# own default when it is imported, hence the order.
rq.serializers.PickleSerializer = rq.serializers.DefaultSerializer = rq.serializers.JSONSerializer  # type: ignore

import rq_dashboard  # noqa: E402
from rq_dashboard.web import setup_rq_connection  # noqa: E402

# Its pages are built from inline scripts and templates that are compiled in the browser; nothing may leave or enter.
_CSP = (
    "default-src 'none'; script-src 'self' 'unsafe-inline' 'unsafe-eval'; style-src 'self' 'unsafe-inline'; "
    "img-src 'self' data:; font-src 'self'; connect-src 'self'; form-action 'self'; base-uri 'none'; "
    "frame-ancestors 'none'"
)


class DashboardSettings(SharedSettings):
    dashboard_host: str = Field("127.0.0.1", description="the address that rq-dashboard listens on; `0.0.0.0` for all")
    dashboard_port: Port = Field(9181, description="the port of rq-dashboard")


class EscapingProvider(DefaultJSONProvider):
    """The browser inserts the strings of these answers as HTML; so they leave here escaped."""

    def dumps(self, obj: Any, **options: Any) -> str:
        return super().dumps(_escaped(obj), **options)


def _escaped(value: Any) -> Any:
    if isinstance(value, str):
        return value.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;").replace('"', "&quot;")
    if isinstance(value, dict):
        return {_escaped(key): _escaped(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_escaped(item) for item in value]
    return value


def create_app(settings: DashboardSettings) -> Flask:
    app = Flask(__name__, static_url_path="/unused")  # rq-dashboard has its own files under /static
    app.json = EscapingProvider(app)
    app.config.update(RQ_DASHBOARD_REDIS_URL=settings.redis_url.get_secret_value(), DEPRECATED_OPTIONS=[])
    setup_rq_connection(app)

    @app.before_request
    def refuse_foreign_writes() -> None:
        if request.endpoint == "rq_dashboard.requeue_all" and request.method != "POST":
            abort(405)
        if request.method in ("GET", "HEAD", "OPTIONS"):
            return
        site, origin = request.headers.get("Sec-Fetch-Site"), request.headers.get("Origin")
        if site not in ("same-origin", "none") if site else origin and urlsplit(origin).netloc != request.host:
            abort(403, "A page of another site can't send this.")

    @app.after_request
    def add_headers(response: Response) -> Response:
        response.headers["Content-Security-Policy"] = _CSP
        response.headers["X-Content-Type-Options"] = "nosniff"
        response.headers["Referrer-Policy"] = "same-origin"
        return response

    @app.errorhandler(RedisError)
    def redis_away(error: RedisError) -> tuple[str, int]:
        return "Redis can't be reached at the moment.", 503

    @app.errorhandler(NoSuchJobError)
    def unknown_job(error: NoSuchJobError) -> tuple[str, int]:
        return "There is no such job.", 404

    @app.get("/healthz")
    def healthz() -> dict[str, str]:
        return {"status": "ok"}

    app.register_blueprint(rq_dashboard.blueprint)
    return app


def main() -> int:
    settings = load_or_exit(DashboardSettings)
    logging.basicConfig(level=logging.INFO, format="%(levelname)s %(message)s", stream=sys.stdout)
    address = (settings.dashboard_host, settings.dashboard_port)
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    try:
        listener.bind(address)
    except OSError as error:
        print(
            f"Can't listen on {address[0]}:{address[1]}: {error.strerror}. Set DASHBOARD_PORT to another.",
            file=sys.stderr,
        )
        return 2
    listener.listen(256)
    listener.setblocking(False)
    server = WSGIServer(listener, create_app(settings), log=None, error_log=logging.getLogger("gevent"))
    server.start()  # before a signal may stop it
    for number in (signal.SIGTERM, signal.SIGINT):
        gevent.signal_handler(number, lambda: gevent.spawn(server.stop, 2))
    server.serve_forever(stop_timeout=2)
    return 0


if __name__ == "__main__":
    sys.exit(main())
