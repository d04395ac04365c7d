"""Who may do what with a cause of failures: a user retries own jobs, an operator decides for all."""

from __future__ import annotations

import logging

import pytest

from tests.web.access.people import HTML

API = "/api/v1/failures"


@pytest.fixture
def cause(bearer, run_worker):
    """A cause that jobs of two users have failed of."""
    for name in ("ann", "bob"):
        bearer(name).post("/api/v1/tasks/raises/jobs", json={})
    run_worker()
    return bearer("vic").get(API).json["data"][0]


def test_a_user_retries_only_own_jobs_and_an_operator_all(bearer, cause):
    ann = bearer("ann").post(f"{API}/{cause['id']}/retry", json={"expected_count": 2})
    ops = bearer("ops").post(f"{API}/{cause['id']}/retry", json={"expected_count": 1})

    assert ann.json["outcomes"] == {"retried": 1, "skipped": 1}
    assert ops.json["outcomes"] == {"retried": 1}


def test_the_page_offers_what_the_role_may_do(signed_in, cause):
    offered = {
        name: [label for label in ("Retry all 2", "Resolve</button>", "Mute</button>") if label in page]
        for name in ("vic", "ann", "ops")
        for page in [signed_in(name).get("/failures", headers=HTML).text]
    }

    assert offered == {"vic": [], "ann": ["Retry all 2"], "ops": ["Retry all 2", "Resolve</button>", "Mute</button>"]}


def test_a_change_names_who_made_it_in_the_cause_and_in_the_audit_log(bearer, cause, caplog):
    caplog.set_level(logging.INFO, "audit")

    muted = bearer("ops").post(f"{API}/{cause['id']}/mute").json
    bearer("ann").post(f"{API}/{cause['id']}/reopen")

    assert (muted["state"], muted["changed_by"]) == ("muted", "ops")
    said = [
        (one.fields["who"], one.fields["what"], one.fields["subject"], one.fields["status"]) for one in caplog.records
    ]
    assert said == [("ops", "mute_failure", cause["id"], 200), ("ann", "reopen_failure", cause["id"], 403)]
