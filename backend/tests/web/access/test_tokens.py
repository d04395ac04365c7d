"""API tokens: their roles, and when they stop working."""

from __future__ import annotations

import pytest

from tests.web.access.people import ECHO, job_of


@pytest.mark.parametrize("end", ["revoke", "remove"])
def test_a_token_ends_when_it_is_revoked_and_with_its_user(always_fresh, accounts, bearer, end):
    ann = bearer("ann")
    assert ann.get("/api/v1/jobs").status_code == 200

    [token] = [token for token in accounts.read()[1].values() if token.user == "ann"]
    accounts.revoke_token(token.id) if end == "revoke" else accounts.remove_user("ann")

    assert ann.get("/api/v1/jobs").status_code == ann.post(ECHO, json={"text": "a"}).status_code == 401


def test_a_token_may_have_a_lower_role_than_its_user_and_never_a_higher_one(app, accounts):
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


def test_identifying_a_user_costs_no_round_trip_to_redis(bearer, redis):
    ann = bearer("ann")
    job_of(ann)
    before = redis.info("commandstats")["cmdstat_hgetall"]["calls"]

    for _ in range(5):
        job_of(ann)

    assert redis.info("commandstats")["cmdstat_hgetall"]["calls"] == before
