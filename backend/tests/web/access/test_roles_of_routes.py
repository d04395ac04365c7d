"""Who may use which route: every route stands in one table here, and is called as each role."""

from __future__ import annotations

import pytest

from taskdesk.web.access.roles import access_of
from tests.web.access.people import requests_of

CALLERS = {"public": "", "viewer": "vic", "user": "ann", "operator": "ops"}  # from the lowest role to the highest
# The lowest role that may use a route.
TABLE = {
    "public": """
        GET static                      GET static_of_another_version
        GET health.healthz              GET health.readyz
        GET login.show_login            POST login.log_in
        GET password.show_set_password  POST password.set_password
    """,
    "viewer": """
        GET api.count_jobs              GET api.job_artifact            GET api.job_events
        GET api.job_log                 GET api.job_result              GET api.list_jobs
        GET api.list_queues             GET api.list_tasks              GET api.list_workers
        GET api.show_job                GET api.show_openapi            GET api.show_queue
        GET api.list_alerts             GET api.list_alert_rules        GET api.list_alert_channels
        GET api.list_alert_messages     GET api.show_alert_message      GET pages.list_alerts
        GET api.show_stats              GET api.show_task               GET api.list_deliveries
        GET api.show_webhooks
        GET api.list_schedules          GET api.show_schedule           POST api.preview_schedule
        GET pages.download_part         GET pages.finished_tasks        POST pages.finished_tasks
        GET pages.home                  GET pages.list_jobs             GET pages.list_queues
        GET pages.list_workers          GET pages.show_docs             GET pages.show_job
        GET pages.list_schedules        GET pages.new_schedule          GET pages.edit_schedule
        GET api.list_presets            GET api.show_chart              GET pages.show_charts
        GET pages.show_task             POST pages.show_code_samples    POST pages.show_live
        POST pages.save_filters         GET pages.show_table
        GET api.list_failures           GET api.show_failure
        GET pages.list_failures         GET pages.show_failure
        GET classic.check_task          GET classic.heavy_status        GET classic.hello
        GET classic.newest_tasks        GET classic.ping                GET classic.progress
        GET classic.result_png          GET classic.status
        GET health.version              GET metrics.metrics             POST login.log_out
        GET pages.show_account          POST pages.change_password      POST pages.end_session
        POST pages.end_other_sessions   GET pages.list_tokens           POST pages.add_token
        POST pages.revoke_token
    """,
    "user": """
        POST api.create_job             POST api.create_jobs            POST api.bulk
        POST api.cancel_job             POST api.retry_job              POST api.keep_job
        POST api.unkeep_job             POST api.enqueue_job
        POST api.reschedule_job         POST api.move_job
        PUT api.save_preset             DELETE api.delete_preset
        POST pages.save_preset          POST pages.delete_preset
        POST api.create_schedule        PATCH api.change_schedule       DELETE api.delete_schedule
        POST api.run_schedule
        POST pages.create_schedule      POST pages.change_schedule      POST pages.pause_schedule
        POST pages.resume_schedule      POST pages.run_schedule         POST pages.delete_schedule
        DELETE api.delete_job           POST api.redeliver              POST pages.redeliver
        POST pages.add_job              POST pages.run_task             POST pages.act_on_jobs
        POST pages.cancel_job           POST pages.retry_job            POST pages.keep_job
        POST pages.unkeep_job           POST pages.enqueue_job
        POST pages.reschedule_job       POST pages.move_job
        POST pages.delete_job
        POST api.retry_failure
        GET classic.image_page          GET classic.start_heavy         POST classic.start_heavy
        POST classic.start_sleep        POST classic.start_task         POST classic.create
    """,
    "operator": """
        PATCH api.change_queue          POST pages.change_queue
        POST api.mute_failure           POST api.resolve_failure        POST api.reopen_failure
        POST pages.mute_failure         POST pages.resolve_failure      POST pages.reopen_failure
        PUT api.put_alert_rule          DELETE api.delete_alert_rule    PUT api.silence_alert_rule
        DELETE api.end_alert_silence    POST api.test_alert_channel     POST pages.put_alert_rule
        POST pages.delete_alert_rule    POST pages.silence_alert_rule   POST pages.test_alert_channel
        POST api.switch_on_webhook      POST pages.switch_on_webhook
        GET api.list_users              POST api.add_user               GET api.show_user
        PATCH api.change_user           DELETE api.remove_user          POST api.new_link
        GET api.list_tokens             POST api.add_token              DELETE api.revoke_token
        GET api.list_audit              GET pages.list_audit
        GET pages.list_users            POST pages.add_user             GET pages.show_user
        POST pages.set_role             POST pages.disable_user         POST pages.enable_user
        POST pages.new_link             POST pages.remove_user
    """,
}
WRITING_GETS = {"GET classic.start_heavy", "GET classic.image_page"}
READING_POSTS = {
    *("POST pages.finished_tasks", "POST pages.show_code_samples", "POST pages.show_live", "POST pages.save_filters"),
    "POST api.preview_schedule",
}


def entries_of(text):
    words = text.split()
    return {f"{method} {endpoint}" for method, endpoint in zip(words[::2], words[1::2], strict=True)}


def test_every_route_stands_in_the_table(app):
    routes = {f"{method} {endpoint}" for method, _, endpoint in requests_of(app) if method != "HEAD"}
    written = [entries_of(text) for text in TABLE.values()]

    assert routes == set().union(*written)
    assert len(routes) == sum(map(len, written))


@pytest.mark.slow
@pytest.mark.parametrize("role", CALLERS)
def test_a_route_takes_its_role_and_higher_ones(app, client, bearer, role):
    roles, caller = list(CALLERS), bearer(CALLERS[role]) if CALLERS[role] else client
    lowest = {entry: name for name, text in TABLE.items() for entry in entries_of(text)}

    for method, path, endpoint in requests_of(app):
        answer = caller.open(path, method=method, headers={"Accept": "application/json"})
        needed = lowest[f"{method.replace('HEAD', 'GET')} {endpoint}"]
        is_let_in = roles.index(role) >= roles.index(needed)
        is_refused = answer.status_code == 401 or (answer.status_code == 403 and "Stale form" not in answer.text)

        assert is_refused != is_let_in, (method, endpoint, answer.status)


def test_what_writes_stands_in_the_table(app):
    routes = {
        (f"{method} {endpoint}", method): access_of(app.view_functions[endpoint], method).writes
        for method, _, endpoint in requests_of(app)
    }

    assert {route for (route, method), writes in routes.items() if writes and method == "GET"} == WRITING_GETS
    assert {route for (route, method), writes in routes.items() if not writes and method not in ("GET", "HEAD")} == (
        READING_POSTS
    )


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
def test_an_unmarked_write_needs_an_operator(make_app, accounts, method):
    app = make_app()
    app.add_url_rule("/new", "new", lambda: "done", methods=[method])
    tokens = {name: accounts.add_token(name, "test") for name in ("vic", "ann", "ops")}

    statuses = {
        name: app.test_client().open("/new", method=method, headers={"Authorization": f"Bearer {token}"}).status_code
        for name, token in tokens.items()
    }

    assert statuses == {"vic": 403, "ann": 403, "ops": 200}


@pytest.mark.parametrize(("method", "path", "status"), [("POST", "/nothing", 404), ("PUT", "/api/v1/jobs", 405)])
def test_every_login_learns_that_there_is_no_such_write(bearer, client, method, path, status):
    answers = {name: bearer(name).open(path, method=method).status_code for name in ("vic", "ann", "ops")}

    assert answers == dict.fromkeys(answers, status)
    assert client.open(path, method=method, headers={"Accept": "application/json"}).status_code == 401


def test_an_unmarked_read_needs_a_login():
    access = access_of(lambda: "", "GET")

    assert (access.role, access.writes) == ("viewer", False)
