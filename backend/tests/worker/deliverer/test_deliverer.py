"""What a webhook hears of the end of a job, and when."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime
from typing import Any

import pytest
from standardwebhooks import Webhook, WebhookVerificationError

from taskdesk.jobs.deliveries import Deliveries, Message, send
from taskdesk.jobs.keys import ENDED, WEBHOOK_JOBS, delivery_key, job_key, receiver_key
from taskdesk.service.outbound import receiver_of
from taskdesk.service.settings import load
from taskdesk.worker.deliverer.secrets import read_secrets
from taskdesk.worker.settings import WorkerSettings
from tests.conftest import BACKEND, wait_until
from tests.receivers import OLD_SECRET, SECRET, Receiver, answers, delivering, pass_time
from tests.worker.conftest import RETENTION
from tests.worker.deliverer.conftest import arrived, settled


def test_a_webhook_hears_of_success_failure_and_cancel(submit, jobs, run_worker, redis, redis_url, receiver):
    done, failed, canceled = submit("echo", text="é"), submit("raises"), submit("echo", text="b")
    jobs.cancel(canceled)
    run_worker()
    assert redis.llen(ENDED) == 3  # in the steps that end them, before anybody looks for ends
    with delivering(redis_url, app_url="https://desk.test/"):
        arrived(receiver, 3)
        settled(redis, done)

    heard = {request.json["data"]["id"]: request.json for request in receiver.requests}
    assert {job_id: one["type"] for job_id, one in heard.items()} == {
        done: "job.succeeded",
        failed: "job.failed",
        canceled: "job.canceled",
    }
    assert heard[done]["data"]["result"] == json.loads(jobs.results.text(jobs.get(done)))
    assert heard[done]["data"]["links"] == {
        "self": f"https://desk.test/api/v1/jobs/{done}",
        "page": f"https://desk.test/jobs/{done}",
        "result": f"https://desk.test/api/v1/jobs/{done}/result",
    }
    assert heard[failed]["data"]["error"]["title"]
    assert heard[done]["data"]["ended_at"] == heard[done]["timestamp"]
    assert redis.exists(WEBHOOK_JOBS, ENDED) == 0


def test_a_message_has_signatures_that_both_secrets_verify(submit, run_worker, redis_url, receiver):
    submit("echo", text="a")
    run_worker()
    with delivering(redis_url, secrets=(SECRET, OLD_SECRET)):
        arrived(receiver, 1)

    [request] = receiver.requests
    for secret in (SECRET, OLD_SECRET):
        assert Webhook(secret).verify(request.body, request.headers)["type"] == "job.succeeded"
    with pytest.raises(WebhookVerificationError):
        Webhook(SECRET).verify(request.body + b" ", request.headers)
    assert request.headers["content-type"] == "application/json"
    assert request.headers["user-agent"].startswith("Taskdesk/")


def test_without_a_secret_nothing_is_sent_and_the_attempt_says_why(submit, run_worker, redis, redis_url, receiver):
    job_id = submit("echo", text="a")
    run_worker()
    with delivering(redis_url, secrets=()):
        wait_until(lambda: [one for one in Deliveries(redis).of(job_id) if one.attempts], what="an attempt")

    [delivery] = Deliveries(redis).of(job_id)
    assert "WEBHOOK_SECRETS" in delivery.attempts[0].error
    assert receiver.connections == 0


def test_a_job_without_a_webhook_leaves_nothing(jobs, registry, run_worker, redis):
    jobs.submit(registry.catalog.tasks["echo"], {"text": "a"}, RETENTION)
    run_worker()

    assert redis.exists(WEBHOOK_JOBS, ENDED) == 0


def test_a_job_that_is_tried_again_is_told_of_once(submit, jobs, run_worker, redis):
    job_id = submit("raises")
    redis.hset(job_key(job_id), mapping={"retries_left": 1, "retry_intervals": "[0]"})
    run_worker()

    assert jobs.get(job_id).attempt == 2
    assert redis.llen(ENDED) == 1


def test_a_job_that_others_wait_for_is_told_of(submit, run_worker, redis):
    job_id = submit("echo", text="a")
    redis.sadd(f"rq:job:{job_id}:dependents", "other")
    run_worker()

    assert redis.llen(ENDED) == 1
    assert redis.exists(WEBHOOK_JOBS) == 0


def test_an_end_that_its_worker_did_not_note_is_found(submit, redis, redis_url, receiver):
    """As a worker of an earlier version, or a stock one, leaves it."""
    job_id = submit("echo", text="a")
    ended_at = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    redis.hset(job_key(job_id), mapping={"status": "failed", "ended_at": ended_at})
    with delivering(redis_url):
        arrived(receiver, 1)

    assert receiver.requests[0].json["type"] == "job.failed"
    assert redis.exists(WEBHOOK_JOBS) == 0


def test_the_webhook_of_a_deleted_job_is_forgotten(submit, jobs, redis, redis_url, receiver):
    jobs.delete(submit("echo", text="a"))
    with delivering(redis_url):
        wait_until(lambda: not redis.exists(WEBHOOK_JOBS), what="it is forgotten")

    assert receiver.connections == 0


def test_a_job_that_was_deleted_before_its_message_was_made_is_told_of_in_short(
    submit, jobs, run_worker, redis_url, receiver
):
    job_id = submit("echo", text="a")
    run_worker()
    jobs.delete(job_id)
    with delivering(redis_url):
        arrived(receiver, 1)

    data = receiver.requests[0].json["data"]
    assert (data["id"], data["status"]) == (job_id, "succeeded")
    assert "task" not in data


def test_a_large_result_is_a_link(submit, run_worker, redis_url, receiver):
    job_id = submit("echo", text="x" * 30_000)
    run_worker()
    with delivering(redis_url):
        arrived(receiver, 1)

    [request] = receiver.requests
    assert len(request.body) < 20_000
    assert "result" not in request.json["data"]
    assert request.json["data"]["links"]["result"].endswith(f"/api/v1/jobs/{job_id}/result")


def test_a_receiver_that_fails_gets_the_message_again_with_the_same_id(submit, run_worker, redis, redis_url, receiver):
    receiver.treat = answers(500, body=b"<b>Oops</b>\x00")
    job_id = submit("echo", text="a")
    run_worker()
    with delivering(redis_url):
        arrived(receiver, 1)
        wait_until(lambda: Deliveries(redis).of(job_id)[0].attempts, what="the attempt is stored")
        receiver.treat = answers(204)
        pass_time(redis, 10)
        delivery = settled(redis, job_id)

    first, second = receiver.requests
    assert first.headers["webhook-id"] == second.headers["webhook-id"] == delivery.id
    assert first.body == second.body
    assert [attempt.status for attempt in delivery.attempts] == [500, 204]
    assert "<b>Oops</b>" in delivery.attempts[0].error
    assert delivery.attempts[1].error == ""


@pytest.mark.slow
def test_a_delivery_fails_after_its_attempts_and_can_be_sent_again(submit, run_worker, redis, redis_url, receiver):
    receiver.treat = answers(500)
    job_id = submit("echo", text="a")
    run_worker()
    with delivering(redis_url):
        for number in range(1, 12):
            arrived(receiver, number)
            wait_until(lambda n=number: len(Deliveries(redis).of(job_id)[0].attempts) == n, what="it is stored")
            pass_time(redis, 8 * 3600)
            redis.hset(delivery_key(Deliveries(redis).of(job_id)[0].id), "since", datetime.now(UTC).timestamp())
        delivery = settled(redis, job_id, "failed")
        receiver.treat = answers(200)
        Deliveries(redis).redeliver(job_id, delivery.id)
        settled(redis, job_id)

    assert len(receiver.requests) == 12


def test_what_was_delivered_is_sent_again_with_another_id(submit, run_worker, redis, redis_url, receiver):
    job_id = submit("echo", text="a")
    run_worker()
    with delivering(redis_url):
        delivery = settled(redis, job_id)
        Deliveries(redis).redeliver(job_id, delivery.id)
        arrived(receiver, 2)

    first, second = receiver.requests
    assert first.json == second.json
    assert first.headers["webhook-id"] != second.headers["webhook-id"]
    assert [one.status for one in Deliveries(redis).of(job_id)][1] == "delivered"


@pytest.mark.slow
def test_410_switches_the_address_off_and_others_of_its_host_stay_on(submit, run_worker, redis, redis_url, receiver):
    receiver.treat = answers(410)
    first = submit("echo", text="a")
    run_worker()
    with delivering(redis_url):
        assert settled(redis, first, "failed").is_off
        receiver.treat = answers(200)
        second, third = submit("echo", text="a"), submit("echo", text="a", webhook=receiver.url + "/other")
        run_worker()
        settled(redis, second, "failed")
        settled(redis, third)

    assert len(receiver.requests) == 2
    assert [*Deliveries(redis).switched_off()] == [receiver.url]


def test_the_text_of_an_answer_stays_with_its_job(submit, run_worker, redis, redis_url, receiver):
    receiver.treat = answers(500, body=b"about the account of one user")
    job_id = submit("echo", text="a")
    run_worker()
    with delivering(redis_url):
        wait_until(lambda: [one for one in Deliveries(redis).of(job_id) if one.attempts], what="an attempt")

    assert "one user" in Deliveries(redis).of(job_id)[0].attempts[0].error
    assert redis.hget(receiver_key(receiver_of(receiver.url)), "error") == b"The receiver answered 500."


@pytest.mark.slow
def test_while_one_receiver_hangs_the_others_get_theirs(submit, run_worker, redis, redis_url, receiver):
    with Receiver() as hanging:
        hanging.treat = hanging.drip
        for number in range(200):
            send(redis, Message(hanging.url, b"{}", f"hanging {number}", "test"))
        with delivering(redis_url):
            wait_until(lambda: hanging.connections >= 8, what="it hangs")
            for number in range(50):
                send(redis, Message(receiver.url, b"{}", f"fine {number}", "test"))
            wait_until(lambda: len(receiver.requests) == 50, what="the others have theirs", seconds=4)

        assert hanging.connections == 8


@pytest.mark.slow
def test_a_receiver_that_was_down_for_two_hours_gets_everything_in_order_per_job(redis, redis_url, receiver):
    receiver.treat = answers(503)
    for number in range(30):
        send(redis, Message(receiver.url, json.dumps([number % 10, number]).encode(), f"job {number % 10}", "test"))
    with delivering(redis_url):
        for _ in range(24):
            arrived(receiver, len(receiver.requests) + 1)
            pass_time(redis, 310)  # as long as a receiver is held at most
        receiver.requests.clear()
        receiver.treat = answers(200)

        def all_there():
            pass_time(redis, 310)
            return Deliveries(redis).figures()["delivered"] == 30

        wait_until(all_there, what="everything arrives", seconds=60)

    numbers = [request.json for request in receiver.requests if request.headers]
    delivered = list(dict.fromkeys(tuple(one) for one in numbers))
    for job in range(10):
        assert [number for its, number in delivered if its == job] == [job, job + 10, job + 20]


@pytest.mark.slow
def test_attempts_are_settled_while_jobs_keep_ending(submit, run_worker, redis, redis_url, receiver):
    """Each of these is more than one batch: deliveries are made, sent and settled by turns."""
    job_id = submit("echo", text="a")
    run_worker()
    [entry] = redis.lrange(ENDED, 0, -1)
    redis.rpush(ENDED, *[entry.replace(job_id.encode(), f"other{number}".encode()) for number in range(500)])
    with delivering(redis_url):
        arrived(receiver, 501)
        wait_until(lambda: Deliveries(redis).figures()["delivered"] == 501, what="all are settled")


def test_the_receiver_in_the_docs_verifies_a_message(submit, run_worker, redis_url, receiver):
    page = (BACKEND.parent / "docs" / "webhooks.md").read_text()
    [code] = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
    names: dict[str, Any] = {}
    exec(code, names)
    job_id = submit("echo", text="a")
    run_worker()
    with delivering(redis_url):
        arrived(receiver, 1)

    [request] = receiver.requests
    assert names["receive"](request.body, request.headers, SECRET) == (f"Job {job_id} succeeded.", 200)
    assert names["receive"](request.body, request.headers, OLD_SECRET)[1] == 401


@pytest.mark.slow
def test_the_message_in_the_docs_has_the_members_of_a_real_one(submit, run_worker, redis_url, receiver):
    page = (BACKEND.parent / "docs" / "webhooks.md").read_text()
    [shown] = re.findall(r"```json\n(.*?)```", page, re.DOTALL)
    submit("echo", text="a")
    run_worker()
    with delivering(redis_url):
        arrived(receiver, 1)

    documented, real = json.loads(shown), receiver.requests[0].json
    assert documented.keys() == real.keys()
    assert documented["data"].keys() == real["data"].keys()
    assert documented["data"]["links"].keys() == real["data"]["links"].keys()


def test_deliveries_go_on_when_redis_was_away(redis_server, redis_url, redis, receiver):
    with delivering(redis_url):
        send(redis, Message(receiver.url, b"{}", "a", "test"))
        arrived(receiver, 1)
        redis.execute_command("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")
        send(redis, Message(receiver.url, b"{}", "b", "test"))
        arrived(receiver, 2)


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("abc", "whsec_"),
        ("whsec_", "whsec_"),
        ("whsec_%%%", "whsec_"),
        ("whsec_c2hvcnQ=", "5 bytes"),
        ("whsec_" + "QUFB" * 12, "guessed"),
        (f"{SECRET},{OLD_SECRET},{SECRET}", "3 secrets"),
    ],
)
def test_a_weak_secret_is_refused_without_being_shown(text, fault, monkeypatch):
    with pytest.raises(ValueError, match=fault):
        read_secrets(text)
    monkeypatch.setenv("WEBHOOK_SECRETS", text)
    with pytest.raises(Exception, match="WEBHOOK_SECRETS") as refused:
        load(WorkerSettings, _env_file=None)

    assert text.strip("whsec_") == "" or text not in str(refused.value)
