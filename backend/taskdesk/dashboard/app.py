"""The application: rq-dashboard's pages with our changes, on our connection to Redis."""

from __future__ import annotations

import rq_dashboard
from flask import Flask, jsonify
from jinja2 import ChoiceLoader, PackageLoader
from rq_dashboard import web

from taskdesk.dashboard import actions, audit, errors, protection, reading
from taskdesk.dashboard.edits import EditedTemplates
from taskdesk.dashboard.settings import DashboardSettings
from taskdesk.service.redis import connect_shared
from taskdesk.service.redis_url import redis_address


def create_app(settings: DashboardSettings) -> Flask:
    """Make the application, once per process: it changes rq-dashboard's modules."""
    app = Flask(__name__, static_url_path="/taskdesk")  # rq-dashboard has its own files under /static
    app.jinja_loader = ChoiceLoader(
        [EditedTemplates(PackageLoader("rq_dashboard")), PackageLoader("taskdesk.dashboard")]
    )
    app.jinja_env.globals["app_url"] = settings.app_url.rstrip("/") + "/"
    url = settings.redis_url.get_secret_value()
    redis = connect_shared(url)
    web.from_url = lambda *_, **__: ("", redis)  # it would open a connection for each request
    app.config.update(RQ_DASHBOARD_REDIS_URL=redis_address(url), DEPRECATED_OPTIONS=[])
    web.setup_rq_connection(app)

    audit.install(app)
    protection.install(app, settings, redis)
    reading.install(app)
    errors.install(app)
    app.add_url_rule("/healthz", "healthz", lambda: jsonify(status="ok"))
    app.register_blueprint(rq_dashboard.blueprint)
    actions.install(app)
    return app
