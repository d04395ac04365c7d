"""RATE_LIMIT limits the writes of a user."""

from __future__ import annotations

import pytest

from tests.web.access.people import ECHO, HTML, form_token, job_of


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


def test_without_a_login_each_address_has_the_limit(make_app):
    app = make_app(auth=False, rate_limit="1/minute")

    def submit(address):
        return app.test_client().post(ECHO, json={"text": "a"}, environ_base={"REMOTE_ADDR": address}).status_code

    assert [submit("10.0.0.1"), submit("10.0.0.1"), submit("10.0.0.2")] == [202, 429, 202]


@pytest.mark.parametrize("auth", [True, False])
def test_both_ways_of_a_submit_share_one_count(make_app, accounts, auth):
    app = make_app(auth=auth, rate_limit="5/minute;100/day")
    token = {"Authorization": f"Bearer {accounts.add_token('ann', 'a')}"}

    def submit(body, **headers):
        return app.test_client().post(ECHO, json=body, headers={**token, **headers}).status_code

    assert [submit({}), submit({}, X="by Flask")] == [422, 422]
    assert [submit({"text": "a"}), submit({"text": "a"}, X="by Flask"), submit({"text": "a"})] == [202] * 3
    assert [submit({"text": "a"}, X="by Flask"), submit({"text": "a"})] == [429, 429]


@pytest.mark.parametrize("rates", ["100/day;1/minute", "1/minute;100/day"])
def test_a_submit_that_one_of_two_limits_refuses_counts_for_the_other_as_any_refused_write(make_app, redis, rates):
    app = make_app(auth=False, rate_limit=rates)

    def submit(address, **headers):
        environ = {"REMOTE_ADDR": address}
        return app.test_client().post(ECHO, json={"text": "a"}, headers=headers, environ_base=environ).status_code

    def counted(address):
        [key] = redis.keys(f"LIMITS*{address}*/100/1/day")
        return int(redis.get(key))

    assert [submit("10.0.0.1") for _ in range(4)] == [202, 429, 429, 429]
    assert [submit("10.0.0.2", X="by Flask") for _ in range(4)] == [202, 429, 429, 429]
    assert counted("10.0.0.1") == counted("10.0.0.2")


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


def test_while_redis_is_full_an_operator_logs_in_and_deletes(signed_in, bearer, leave):
    ann = bearer("ann")
    jobs = [job_of(ann) for _ in range(3)]
    leave(1.1)

    ops = signed_in("ops")
    page = ops.get("/jobs", headers=HTML)
    chosen = {"action": "delete", "id": jobs, "expected_count": "3", "-csrf": form_token(page)}

    assert ops.post("/jobs", data=chosen, headers=HTML).status_code == 303
    assert ops.get("/api/v1/jobs:count").json["count"] == 0
