"""Who may what: nothing without a login, nothing that a role does not allow, and no way around."""

from __future__ import annotations

import re
from html import unescape

import pytest
from pydantic import SecretStr
from werkzeug.security import generate_password_hash

from jobkit.accounts import Accounts
from jobkit.errors import SettingsError
from jobkit.settings import load
from jobkit.startup import find_problems
from tests.conformity import ConformityClient
from web import create_app, identity
from web.assets import FOLDER
from web.settings import WebSettings

PASSWORD = "correct horse battery"
SECRET = "a-secret-of-more-than-32-bytes-for-tests"
OPEN = {"/healthz", "/readyz", "/login"}
HTML = {"Accept": "text/html"}
ECHO = "/api/v1/tasks/echo/jobs"


USERS = {"vic": "viewer", "ann": "user", "bob": "user", "ops": "operator"}
QUICK = "pbkdf2:sha256:1"  # what we use ourselves takes a tenth of a second
HASH = generate_password_hash(PASSWORD, QUICK)


@pytest.fixture
def accounts(redis, monkeypatch):
    with monkeypatch.context() as quick:
        quick.setattr("jobkit.accounts.generate_password_hash", lambda *_: HASH)
        for name, role in USERS.items():
            Accounts(redis).put_user(name, PASSWORD, role)
    return Accounts(redis)


@pytest.fixture
def make_app(web_settings, registry, monkeypatch):
    monkeypatch.setattr("web.identity.generate_password_hash", lambda text: generate_password_hash(text, QUICK))

    def make(**settings):
        app = create_app(web_settings.model_copy(update={"auth": True, "secret_key": SecretStr(SECRET), **settings}))
        app.test_client_class = ConformityClient
        return app

    return make


@pytest.fixture
def app(make_app, accounts):
    return make_app()


@pytest.fixture
def client(app):
    """Nobody."""
    return app.test_client()


@pytest.fixture
def bearer(app, accounts):
    """A client for each user, by a token."""
    tokens = {name: accounts.add_token(name, "test") for name in USERS}

    def client(name):
        made = app.test_client()
        made.environ_base["HTTP_AUTHORIZATION"] = f"Bearer {tokens[name]}"
        return made

    return client


def form_token(page):
    return re.search(r'name="-csrf" value="([^"]+)"', page.text)[1]


def log_in(client, name="ann", password=PASSWORD, **more):
    token = form_token(client.get("/login", headers=HTML))
    return client.post("/login", data={"name": name, "password": password, "-csrf": token, **more}, headers=HTML)


@pytest.fixture
def signed_in(app):
    """A client for each user, by a session."""

    def client(name):
        made = app.test_client()
        assert log_in(made, name).status_code == 303
        return made

    return client


def job_of(client):
    return client.post(ECHO, json={"text": "a"}).json["id"]


# Nothing without a login


def requests_of(app):
    for rule in app.url_map.iter_rules():
        path = re.sub(r"<(?:\w+:)?\w+>", "echo", rule.rule)
        for method in sorted(rule.methods - {"OPTIONS"}):
            yield method, path, rule.endpoint


def test_without_credentials_no_route_tells_or_does_anything(app, client, redis):
    before = redis.dbsize()
    for headers in ({}, HTML, {"Authorization": "Bearer td_wrong"}, {"Authorization": "Basic YWRtaW46YWRtaW4="}):
        for method, path, endpoint in requests_of(app):
            if path in OPEN or endpoint.startswith("static"):
                continue
            answer = client.open(path, method=method, headers=headers)
            told = (answer.status_code, answer.headers.get("WWW-Authenticate"), answer.headers.get("Location", ""))
            assert told[:2] == (401, "Bearer") or (told[0] == 302 and told[2].startswith("/login")), (method, path)

    assert redis.dbsize() == before


def test_the_crawl_has_seen_the_routes(app):
    assert len(list(requests_of(app))) > 60


def test_an_unknown_address_tells_nothing_either(client):
    assert client.get("/nothing").status_code == client.get("/api/v1/nothing").status_code == 401


def test_health_and_static_files_need_no_login(client, app):
    with app.test_request_context():
        style = app.url_for("static", filename="app.css")

    assert [client.get(path).status_code for path in ("/healthz", "/readyz", style)] == [200] * 3


def test_the_metrics_need_a_token_of_any_role(client, bearer):
    assert client.get("/metrics", headers={"Accept": "text/plain,*/*"}).status_code == 401
    assert bearer("vic").get("/metrics").status_code == 200


def test_a_page_leads_to_the_login_and_from_there_back(client):
    sent = client.get("/jobs?status=failed", headers=HTML)
    page = client.get(sent.location, headers=HTML)
    back = log_in(client, next=re.search(r'name="next" value="([^"]+)"', page.text)[1])

    assert sent.location == "/login?next=/jobs?status%3Dfailed"
    assert back.location == "/jobs?status=failed"
    assert client.get(back.location, headers=HTML).status_code == 200


def test_what_a_script_of_a_page_asks_for_is_an_error_and_no_login_page(client):
    assert client.get("/jobs", headers={**HTML, "Sec-Fetch-Mode": "cors"}).status_code == 401


def test_the_login_knows_the_prefix(client):
    sent = client.get("/jobs", headers=HTML, base_url="http://localhost/desk")

    assert sent.location == "/desk/login?next=/desk/jobs"


# Roles and owners


def writes_of(app):
    for method, path, endpoint in requests_of(app):
        is_read = endpoint in ("pages.show_calls", "pages.show_live", "pages.finished_tasks", "login.log_out")
        is_write = method not in ("GET", "HEAD") or endpoint in ("classic.start_heavy", "classic.image_page")
        if is_write and not is_read and path not in OPEN and not endpoint.startswith("static"):
            yield method, path


def test_a_viewer_reads_and_writes_nothing(app, bearer, redis):
    vic = bearer("vic")
    before = redis.dbsize()

    refused = [(path, vic.open(path, method=method).status_code) for method, path in writes_of(app)]

    assert len(refused) > 20
    assert [one for one in refused if one[1] != 403] == []
    assert redis.dbsize() == before
    assert [vic.get(path).status_code for path in ("/", "/jobs", "/queues", "/api/v1/jobs", "/docs")] == [200] * 5


def test_no_read_writes_anything(app, bearer, redis, run_worker):
    ann = bearer("ann")
    ended = ann.post(ECHO, json={"text": "a"}).json["id"]
    run_worker()
    waits = ann.post(ECHO, json={"text": "a"}).json["id"]
    reads = {path for method, path, endpoint in requests_of(app) if method == "GET" and "classic." not in endpoint}
    paths = {re.sub("/jobs/[^/]+", f"/jobs/{job_id}", path) for path in reads for job_id in (ended, waits)}
    paths = {path for path in paths if not path.endswith("/events")}  # they do not end
    before = {key: redis.dump(key) for key in redis.scan_iter()}

    answers = [ann.get(path, headers=HTML).status_code for path in paths]

    assert answers.count(200) > 20
    assert {key: redis.dump(key) for key in redis.scan_iter()} == before


def test_no_secret_is_in_the_log(app, accounts, caplog, capfd):
    client, token = app.test_client(), accounts.add_token("ann", "test")
    secrets = ["canary-argument", "canary-password", "canary-query", "canary-cookie", token]
    client.set_cookie("session", secrets[3])
    client.post("/login", data={"name": "ann", "password": secrets[1]}, headers=HTML)
    for headers in ({}, {"X-Anything": "not the short way"}):
        bearing = {**headers, "Authorization": f"Bearer {token}"}
        assert client.post(ECHO, json={"text": secrets[0]}, headers=bearing).status_code == 202
        assert client.post(ECHO, json={"wrong": secrets[0]}, headers=bearing).status_code == 422
        client.get(f"/jobs?tag={secrets[2]}", headers=bearing)

    logged = caplog.text + "".join(capfd.readouterr())
    assert "/api/v1/tasks/echo/jobs" in logged
    assert [secret for secret in secrets if secret in logged] == []


def test_a_viewer_is_refused_on_the_short_way_too(bearer):
    answer = bearer("vic").post(ECHO, json={"text": "a"})

    assert (answer.status_code, answer.json["title"]) == (403, "Not allowed")
    assert "vic may not do this: it takes the role user" in answer.json["detail"]


@pytest.mark.parametrize("headers", [{}, {"X-Anything": "not the short way"}])
def test_a_job_has_its_owner(bearer, headers):
    job = bearer("ann").post(ECHO, json={"text": "a"}, headers=headers).json
    page = bearer("vic").get(f"/jobs/{job['id']}")

    assert job["owner"] == "ann"
    assert bearer("vic").get(f"/api/v1/jobs/{job['id']}").json["owner"] == "ann"
    assert "queued by ann" in page.text
    assert "by ann" in bearer("vic").get("/jobs").text


@pytest.mark.parametrize("action", ["cancel", "retry", "keep", "delete"])
@pytest.mark.parametrize("root", ["/api/v1/jobs", "/jobs"])
def test_another_users_job_is_left_alone(bearer, root, action, redis):
    job_id = job_of(bearer("ann"))
    path, method = f"{root}/{job_id}", "POST"
    if (root, action) == ("/api/v1/jobs", "delete"):
        method = "DELETE"
    else:
        path = f"{path}/{action}"

    answer = bearer("bob").open(path, method=method)

    assert answer.status_code == 403
    assert "belongs to ann: only its owner and operators" in answer.text
    assert redis.hget(f"rq:job:{job_id}", "status") == b"queued"


def test_owners_and_operators_may_change_a_job_and_an_unknown_one_is_unknown(bearer):
    ann, ops = bearer("ann"), bearer("ops")

    assert ann.post(f"/api/v1/jobs/{job_of(ann)}/cancel").status_code == 200
    assert ops.post(f"/api/v1/jobs/{job_of(ann)}/cancel").status_code == 200
    assert ann.post("/api/v1/jobs/nothing/cancel").status_code == 404


def test_a_bulk_action_skips_the_jobs_of_others(bearer):
    ann, bob = bearer("ann"), bearer("bob")
    own, others = [job_of(bob)], [job_of(ann), job_of(ann)]

    done = bob.post("/api/v1/jobs:bulk", json={"action": "cancel", "filter": {"task": "echo"}, "expected_count": 3})

    assert done.json["outcomes"] == {"canceled": 1, "skipped": 2}
    assert {bob.get(f"/api/v1/jobs/{job_id}").json["status"] for job_id in others} == {"queued"}
    assert bob.get(f"/api/v1/jobs/{own[0]}").json["status"] == "canceled"


def test_a_retry_belongs_to_who_asked_for_it(bearer, run_worker):
    job_id = job_of(bearer("ann"))
    run_worker()

    assert bearer("ops").post(f"/api/v1/jobs/{job_id}/retry").json["owner"] == "ops"


def test_queues_are_paused_by_operators_only(bearer):
    def pause(name):
        return bearer(name).patch("/api/v1/queues/low", json={"paused": True}).status_code

    assert (pause("ann"), pause("ops")) == (403, 200)


def test_an_idempotency_key_is_its_owners(bearer):
    headers = {"Idempotency-Key": "one"}
    ids = [bearer(name).post(ECHO, json={"text": "a"}, headers=headers).json["id"] for name in ("ann", "bob", "ann")]

    assert ids[0] == ids[2] != ids[1]


# Tokens


@pytest.fixture
def always_fresh(monkeypatch):
    monkeypatch.setattr(identity, "FRESH_SECONDS", 0)
    monkeypatch.setattr(identity.Authenticator._read, "__defaults__", (0,))


@pytest.mark.parametrize("end", ["revoke", "remove"])
def test_a_token_ends_when_it_is_revoked_and_with_its_user(always_fresh, accounts, bearer, end):
    ann = bearer("ann")
    assert ann.get("/api/v1/jobs").status_code == 200

    [token] = [token for token in accounts.read()[1].values() if token.user == "ann"]
    accounts.revoke_token(token.id) if end == "revoke" else accounts.remove_user("ann")

    assert ann.get("/api/v1/jobs").status_code == ann.post(ECHO, json={"text": "a"}).status_code == 401


def test_a_token_may_less_than_its_user_and_never_more(app, accounts):
    def submit(token):
        headers = {"Authorization": f"Bearer {token}"}
        return app.test_client().post(ECHO, json={"text": "a"}, headers=headers).status_code

    less, more = accounts.add_token("ops", "less", "viewer"), accounts.add_token("vic", "more", "operator")

    assert (submit(less), submit(more)) == (403, 403)


@pytest.mark.parametrize("kind", ["bearer", "signed_in"])
def test_an_event_stream_ends_with_its_token_or_session(always_fresh, app, accounts, request, kind):
    streams = app.extensions["desk"].streams
    streams._heartbeat = 0.05
    job_id = job_of(request.getfixturevalue("bearer")("ann"))
    client = request.getfixturevalue(kind)("ann")
    events = client.get(f"/api/v1/jobs/{job_id}/events").response
    assert b'"queued"' in next(events)
    assert b"heartbeat" in next(events)

    accounts.remove_user("ann")

    assert b"no longer valid" in b"".join(events)


def test_who_asks_costs_no_round_trip_to_redis(bearer, redis):
    ann = bearer("ann")
    job_of(ann)
    before = redis.info("commandstats")["cmdstat_hgetall"]["calls"]

    for _ in range(5):
        job_of(ann)

    assert redis.info("commandstats")["cmdstat_hgetall"]["calls"] == before


# Sessions


def test_a_user_logs_in_submits_and_logs_out(signed_in):
    ann = signed_in("ann")
    token = form_token(ann.get("/", headers=HTML))
    submitted = ann.post("/tasks/echo", data={"text": "a", "-csrf": token}, headers=HTML)
    out = ann.post("/logout", data={"-csrf": token}, headers=HTML)

    assert submitted.location.startswith("/jobs/")
    assert out.location == "/login"
    assert ann.get("/", headers=HTML).status_code == 302


def test_a_task_s_page_says_where_a_token_for_its_calls_comes_from(signed_in):
    page = signed_in("ann").get("/tasks/echo", headers=HTML).text

    assert page.count("taskdesk.py token add --user ann") == 2
    assert "Authorization: Bearer $TASKDESK_TOKEN" in unescape(page)


def test_a_viewer_can_log_out_and_look_at_calls(signed_in):
    vic = signed_in("vic")
    token = form_token(vic.get("/", headers=HTML))

    assert vic.post("/tasks/echo/calls", data={"text": "a"}).status_code == 200
    assert vic.post("/logout", data={"-csrf": token}).status_code == 303


def test_a_login_begins_a_new_session(client):
    client.get("/login", headers=HTML)
    with client.session_transaction() as session:
        session["planted"] = "by another"
        before = dict(session)

    log_in(client)

    with client.session_transaction() as session:
        assert "planted" not in session
        assert session["user"] == "ann"
        assert not set(before.values()) & set(session.values())


@pytest.mark.parametrize("change", [{"user": "ops"}, {"mark": "0" * 32}, {"since": 0}, {"since": 1e12}])
def test_a_session_that_does_not_fit_is_none(signed_in, change):
    ann = signed_in("ann")
    with ann.session_transaction() as session:  # as if the key were known
        session.update(change)

    assert ann.get("/", headers=HTML).status_code == 302


def test_a_session_that_was_tampered_with_is_none(signed_in):
    ann = signed_in("ann")
    cookie = ann.get_cookie("taskdesk")
    ann.set_cookie("taskdesk", f"{cookie.value[:-2]}xx")

    assert ann.get("/", headers=HTML).status_code == 302


@pytest.mark.parametrize("end", ["password", "removed"])
def test_a_session_ends_with_its_user_and_with_the_password(always_fresh, accounts, signed_in, end):
    ann = signed_in("ann")
    accounts.put_user("ann", "another long one", "user") if end == "password" else accounts.remove_user("ann")

    assert ann.get("/", headers=HTML).status_code == 302


def test_the_cookie_is_for_this_desk_only(make_app, accounts):
    def cookie(**settings):
        answer = make_app(**settings).test_client().get("/login", headers=HTML)
        return answer.headers["Set-Cookie"]

    assert re.fullmatch(r"taskdesk=[^;]+; HttpOnly; Path=/; SameSite=Lax", cookie())
    assert re.fullmatch(r"__Host-taskdesk=[^;]+; Secure; HttpOnly; Path=/; SameSite=Lax", cookie(env="prod"))


def test_no_cache_keeps_a_page(signed_in):
    assert signed_in("ann").get("/", headers=HTML).headers["Cache-Control"] == "private, no-cache"


@pytest.mark.parametrize(
    "target",
    ["https://evil.example/", "//evil.example", "/\\evil.example", "/\t/evil.example", "javascript:alert(1)", "jobs",
     "\\\\evil.example", "/\n//evil.example", "/%0d%0a\r\nSet-Cookie: a=b", " //evil.example"],
)  # fmt: skip
def test_the_login_leads_to_no_other_site(client, target):
    assert log_in(client, next=target).location == "/"
    assert client.get("/login", query_string={"next": target}, headers=HTML).location == "/"


def test_the_admin_of_the_settings_needs_no_redis_entry(make_app, redis):
    client = make_app(admin_password=SecretStr(PASSWORD * 2)).test_client()

    assert log_in(client, "admin", PASSWORD * 2).status_code == 303
    assert "Log out" in client.get("/", headers=HTML).text
    assert redis.exists("taskdesk:users") == 0
    assert log_in(make_app().test_client(), "admin", PASSWORD * 2).status_code == 401


# Guessing


def test_an_unknown_name_and_a_wrong_password_can_not_be_told_apart(client, app, monkeypatch):
    hashes = []
    check = identity.check_password_hash
    monkeypatch.setattr(
        identity, "check_password_hash", lambda stored, typed: hashes.append(stored) or check(stored, typed)
    )

    answers = [log_in(client, name, "wrong").text for name in ("ann", "eve")]

    assert all("The name or the password is wrong." in answer for answer in answers)
    assert len({re.sub(r'value="[^"]*"', "", answer) for answer in answers}) == 1
    assert len({stored.partition("$")[0] for stored in hashes}) == 1  # the same work for both
    assert len(hashes) == 2


def test_logins_are_limited_by_address_and_by_name(app):
    def attempt(name, address):
        client = app.test_client()
        client.environ_base["REMOTE_ADDR"] = address
        return log_in(client, name, "wrong")

    by_address = [attempt(f"name{n}", "10.0.0.1") for n in range(11)]
    by_name = [attempt("eve", f"10.0.1.{n}") for n in range(11)]

    for answers in (by_address, by_name):
        assert [answer.status_code for answer in answers] == [401] * 10 + [429]
        assert 1 <= int(answers[-1].headers["Retry-After"]) <= 61
    assert log_in(app.test_client()).status_code == 303


# Forms of other sites


@pytest.mark.parametrize("data", [{}, {"-csrf": "wrong"}])
def test_a_form_without_the_token_of_its_session_is_refused(signed_in, data):
    ann = signed_in("ann")

    answer = ann.post("/tasks/echo", data={"text": "a", **data}, headers=HTML)

    assert answer.status_code == 403
    assert "of an earlier session" in answer.text


def test_a_login_of_another_site_is_refused(client):
    client.get("/login", headers=HTML)

    assert client.post("/login", data={"name": "ann", "password": PASSWORD}, headers=HTML).status_code == 403


def test_a_browser_that_keeps_no_cookie_is_told_why(app):
    client = app.test_client(use_cookies=False)

    assert "In production they need HTTPS." in log_in(client).text


def test_the_token_of_another_session_is_refused(signed_in):
    token = form_token(signed_in("bob").get("/", headers=HTML))

    assert signed_in("ann").post("/tasks/echo", data={"text": "a", "-csrf": token}, headers=HTML).status_code == 403


def test_the_api_takes_a_session_with_the_token_in_a_header(signed_in):
    ann = signed_in("ann")
    token = form_token(ann.get("/", headers=HTML))

    refused = ann.post(ECHO, json={"text": "a"})
    taken = ann.post(ECHO, json={"text": "a"}, headers={"X-CSRFToken": token})

    assert (refused.status_code, refused.json["title"], taken.status_code) == (403, "Stale form", 202)


def test_every_form_that_is_sent_by_post_has_the_token():
    forms = {
        path.name: re.findall(
            r'<form(?:[^>{]|{{.*?}}|{%.*?%})*method="post"(?:[^>{]|{{.*?}}|{%.*?%})*>(\s*.{0,20})', text
        )
        for path in (FOLDER.parent / "templates").rglob("*.html")
        if (text := path.read_text())
    }

    assert sum(map(len, forms.values())) >= 9
    assert [name for name, heads in forms.items() for head in heads if "csrf_field()" not in head] == []


# How often


def test_writes_are_limited_and_reads_are_not(make_app, accounts):
    app = make_app(rate_limit="3/minute")
    tokens = {name: {"Authorization": f"Bearer {accounts.add_token(name, 'a')}"} for name in ("ann", "bob")}

    def submit(name):
        return app.test_client().post(ECHO, json={"text": "a"}, headers=tokens[name])

    answers = [submit("ann") for _ in range(4)]

    assert [answer.status_code for answer in answers] == [202] * 3 + [429]
    assert 1 <= int(answers[-1].headers["Retry-After"]) <= 61
    assert submit("bob").status_code == 202
    assert [app.test_client().get("/api/v1/jobs", headers=tokens["ann"]).status_code for _ in range(5)] == [200] * 5


def test_without_a_login_the_limit_is_each_addresss(make_app):
    app = make_app(auth=False, rate_limit="1/minute")

    def submit(address):
        return app.test_client().post(ECHO, json={"text": "a"}, environ_base={"REMOTE_ADDR": address}).status_code

    assert [submit("10.0.0.1"), submit("10.0.0.1"), submit("10.0.0.2")] == [202, 429, 202]


@pytest.mark.parametrize("auth", [True, False])
def test_both_ways_of_a_submit_count_together_and_a_refused_one_once(make_app, accounts, auth):
    app = make_app(auth=auth, rate_limit="5/minute;100/day")
    token = {"Authorization": f"Bearer {accounts.add_token('ann', 'a')}"}

    def submit(body, **headers):
        return app.test_client().post(ECHO, json=body, headers={**token, **headers}).status_code

    assert [submit({}), submit({}, X="by Flask")] == [422, 422]
    assert [submit({"text": "a"}), submit({"text": "a"}, X="by Flask"), submit({"text": "a"})] == [202] * 3
    assert [submit({"text": "a"}, X="by Flask"), submit({"text": "a"})] == [429, 429]


def test_while_redis_is_away_a_limited_submit_is_told_so_by_both_ways(make_app, redis_server):
    app = make_app(auth=False, rate_limit="3/minute")

    def submit(**headers):
        return app.test_client().post(ECHO, json={"text": "a"}, headers=headers).status_code

    assert submit() == 202
    redis_server.stop()
    try:
        answers = [submit(), submit(X="by Flask"), submit(), submit()]
    finally:
        redis_server.start()

    assert answers == [503, 503, 503, 429]


# The log


def lines(capsys):
    return [line for line in capsys.readouterr().out.splitlines() if "what=" in line]


@pytest.mark.parametrize("headers", [{}, {"X-Anything": "not the short way"}])
def test_a_write_leaves_a_line_that_says_who_did_what_from_where(bearer, capsys, headers):
    job = bearer("ann").post(ECHO, json={"text": "a"}, headers=headers)
    [line] = lines(capsys)

    request_id = job.headers["X-Request-ID"]
    said = ("who=ann", "token=test", "what=create_job", f"subject={job.json['id']}", "client=127.0.0.1", "status=202")
    assert [part for part in (*said, f"request_id={request_id}") if part not in line] == []


def test_what_was_refused_leaves_a_line_and_reading_none(bearer, capsys):
    vic = bearer("vic")
    vic.get("/api/v1/jobs")
    vic.patch("/api/v1/queues/low", json={"paused": True})

    [line] = lines(capsys)
    assert all(part in line for part in ("who=vic", "what=change_queue", "subject=low", "status=403"))


def test_no_secret_stands_in_a_log(make_app, accounts, capsys, caplog):
    app = make_app(admin_password=SecretStr("admin-pass-word"))
    token = accounts.add_token("ann", "ci")
    client = app.test_client()
    log_in(client, "admin", "admin-pass-word")
    log_in(app.test_client(), "ann", "typed wrong here")
    client.post(ECHO, json={"text": "a"}, headers={"Authorization": f"Bearer {token}"})
    client.post(ECHO, json={"text": "a"}, headers={"Authorization": "Bearer td_unknown-token"})

    told = capsys.readouterr()
    logged = told.out + told.err + caplog.text + repr(WebSettings(_env_file=None, secret_key=SECRET))
    secrets = (SECRET, "admin-pass-word", "typed wrong here", token, "td_unknown-token", PASSWORD)
    assert "what=log_in" in logged
    assert [secret for secret in secrets if secret in logged] == []


# Settings


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"auth": "on", "secret_key": "k" * 31}, "SECRET_KEY: Value error, it needs at least 32 bytes"),
        ({"auth": "on"}, "SECRET_KEY: Value error, it needs at least 32 bytes"),
        ({"admin_password": "short-s3cret"[:11]}, "ADMIN_PASSWORD: Value error, it needs at least 12 bytes"),
        ({"rate_limit": "often"}, "RATE_LIMIT: Value error, it has to be a number per time"),
    ],
)
def test_a_setting_that_is_not_safe_is_refused(settings, sentence):
    with pytest.raises(SettingsError) as refused:
        load(WebSettings, **settings)

    assert sentence in str(refused.value)
    assert "k" * 31 not in str(refused.value)
    assert "short-s3cre" not in str(refused.value)


def test_prod_has_a_login_and_refuses_to_start_without():
    assert WebSettings(_env_file=None, env="prod").auth
    assert not WebSettings(_env_file=None).auth
    assert "AUTH is off" in " ".join(find_problems(WebSettings(_env_file=None, env="prod", auth="off")))
    assert "SECRET_KEY is missing" in " ".join(find_problems(WebSettings(_env_file=None, env="prod")))
