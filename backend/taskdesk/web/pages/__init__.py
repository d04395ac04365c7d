"""The pages. Each works without JavaScript; scripts only make it live.

A new page is a module with `add_routes`, a template, its test, an entry here (in PAGES, maybe in NAVIGATION), and its
routes in the table of tests/web/access/test_roles_of_routes.py. The tests in a browser find it by themselves.
"""

from flask import Blueprint

from taskdesk.jobs.representations import no_worker, notice, paused_queue
from taskdesk.web.access.identity import authenticator
from taskdesk.web.access.offers import may_see
from taskdesk.web.form_token import form_token_field
from taskdesk.web.pages import (
    account,
    actions,
    alerts,
    audit,
    bulk,
    charts,
    docs,
    downloads,
    failures,
    home,
    job,
    jobs,
    queues,
    schedules,
    table,
    tasks,
    tokens,
    users,
    webhooks,
    workers,
)
from taskdesk.web.pages.view.durations import about, duration, usual
from taskdesk.web.pages.view.short_ids import short

PAGES = (
    home,
    tasks,
    jobs,
    bulk,
    job,
    table,
    webhooks,
    actions,
    downloads,
    failures,
    schedules,
    queues,
    workers,
    charts,
    alerts,
    account,
    users,
    tokens,
    audit,
    docs,
)
# The entries at the top of each page: the endpoint, the label, and the key that goes there after `g`.
NAVIGATION = (
    ("pages.home", "Tasks", "t"),
    ("pages.list_jobs", "Jobs", "j"),
    ("pages.list_failures", "Failures", "f"),
    ("pages.list_schedules", "Schedules", "s"),
    ("pages.list_queues", "Queues", "q"),
    ("pages.list_workers", "Workers", "w"),
    ("pages.show_charts", "Charts", "c"),
    ("pages.list_alerts", "Alerts", "l"),
    ("pages.list_users", "Users", "u"),
    ("pages.show_docs", "API", "a"),
)
# The tabs of the pages about access. A page shows those that its user may see.
ACCESS = (
    ("pages.show_account", "Account"),
    ("pages.list_users", "Users"),
    ("pages.list_tokens", "Tokens"),
    ("pages.list_audit", "Audit log"),
)


def _navigation() -> list[tuple[str, str, str]]:
    """Return the entries. Without logins, the pages about access only say how to turn them on: they are left out."""
    return [entry for entry in NAVIGATION if authenticator().is_on or entry[0] not in dict(ACCESS)]


bp = Blueprint("pages", __name__)
for page in PAGES:
    page.add_routes(bp)
for template_filter in (about, duration, usual, short):
    bp.add_app_template_filter(template_filter)
bp.add_app_template_global(form_token_field)
bp.add_app_template_global(lambda: [(page, label) for page, label in ACCESS if may_see(page)], "access_pages")
bp.app_context_processor(
    lambda: {"navigation": _navigation(), "no_worker": no_worker, "notice_of": notice, "paused_queue": paused_queue}
)
