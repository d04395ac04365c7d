"""Rules see what Redis has, and what they see is notified once, however many evaluators and failures there are."""

from __future__ import annotations

import threading
from datetime import UTC, datetime

import pytest

from taskdesk.jobs.alerts.evaluator import Evaluator, message_for_test
from taskdesk.jobs.alerts.file import AlertsFile
from taskdesk.jobs.alerts.keeper import Keeper
from taskdesk.jobs.alerts.outbox import Outbox
from taskdesk.jobs.alerts.scripts import MessageStatus
from taskdesk.jobs.alerts.store import AlertStore
from taskdesk.jobs.catalog import announce
from taskdesk.jobs.catalog_reader import CatalogReader
from taskdesk.jobs.cause import State
from taskdesk.jobs.causes import Causes
from taskdesk.jobs.job import Retention
from taskdesk.jobs.jobs import Jobs
from taskdesk.jobs.keys import ALERTS, ALERTS_LOCK, LOST_WORKERS, PAUSED, SCHEDULES, cause_key, schedule_key
from taskdesk.jobs.schedules.firing import Firing
from taskdesk.jobs.schedules.store import Schedules
from taskdesk.service import clock


class Watch:
    """An evaluator and its courier, one step at a time."""

    def __init__(self, redis, file):
        self.redis = redis
        self.evaluator = Evaluator(redis, CatalogReader(redis), file)
        self.keeper = Keeper(redis, CatalogReader(redis), file)

    def look(self):
        """Evaluate the rules, send what is due, and wait until it has arrived."""
        assert self.evaluator.evaluate()
        self.deliver()

    def deliver(self):
        while threads := self.keeper._courier.send_due():
            for thread in threads:
                thread.join(30)


@pytest.fixture
def watch(redis, alerts_file):
    return lambda rules: Watch(redis, alerts_file(rules))


def age(redis, seconds):
    """Let all that alerts know have happened so many seconds ago: time goes on."""
    for key in [*redis.scan_iter("taskdesk:cause:*")]:
        for field in ("first", "last"):
            redis.hincrbyfloat(key, field, -seconds)
    for entry, at in redis.zrange("taskdesk:causes", 0, -1, withscores=True):
        redis.zadd("taskdesk:causes", {entry: at - seconds})
    for entry, at in redis.zrange(LOST_WORKERS, 0, -1, withscores=True):
        redis.zadd(LOST_WORKERS, {entry: at - seconds})
    store, changes = AlertStore(redis), {}
    for rule, states in store.read().states.items():
        for subject, state in states.items():
            moved = {"since": state.since - seconds, "last": state.last - seconds}
            changes[f"{rule}\n{subject}"] = type(state)(**{**vars(state), **moved}).dump()
    redis.hset(ALERTS, mapping={**changes, "evaluated": float(redis.hget(ALERTS, "evaluated") or 0) - seconds})


FIRST = '[rules.causes]\nwhen = "first-failure"\nchannels = ["ops"]\n'


@pytest.fixture
def fail(client, run_worker):
    """Run a job of the task `raises` until it has failed."""

    def fail(times=1):
        for _ in range(times):
            assert client.post("/api/v1/tasks/raises/jobs", json={}).status_code == 202
        run_worker()

    return fail


def test_the_first_failure_of_a_cause_is_notified_once_and_its_end_once(watch, receiver, fail, redis):
    watch = watch(FIRST)
    watch.look()
    fail()

    watch.look()
    fail(times=3)
    watch.look()
    age(redis, 3500)
    watch.look()
    assert receiver.titles() == ["alert.fired: ValueError in raises"]

    age(redis, 200)
    watch.look()
    watch.look()
    assert receiver.titles() == ["alert.fired: ValueError in raises", "alert.recovered: ValueError in raises"]
    assert receiver.requests[0]["data"]["url"].startswith("http://desk.example/jobs?cause=")
    assert AlertStore(redis).read().states == {}


def test_messages_quote_no_error_unless_the_rule_asks_for_it(watch, receiver, fail):
    watch(FIRST).look()
    fail()
    watch(FIRST).look()
    watch(FIRST.replace("causes", "detailed") + "details = true\n").look()

    plain, detailed = (one["data"]["lines"] for one in receiver.requests if one["type"] == "alert.fired")
    assert "1 job failed since" in " ".join(plain)
    assert "The number <seven> is too small." not in plain
    assert "The number <seven> is too small." in detailed
    assert len(detailed) == len(plain) + 1


def test_a_failure_while_nobody_evaluated_is_notified(watch, receiver, fail, redis):
    watch = watch(FIRST)
    watch.look()
    fail()
    age(redis, 3 * 3600)

    watch.look()
    watch.look()

    assert receiver.titles() == ["alert.fired: ValueError in raises", "alert.recovered: ValueError in raises"]


def test_a_resolved_cause_recovers_at_once_and_a_muted_one_is_silent(watch, receiver, fail, redis):
    watch = watch(FIRST)
    fail()
    watch.look()
    [cause] = Causes(redis).read()

    Causes(redis).change(cause.id, State.RESOLVED)
    watch.look()
    assert receiver.titles() == ["alert.fired: ValueError in raises", "alert.recovered: ValueError in raises"]

    Causes(redis).change(cause.id, State.MUTED)
    fail()
    watch.look()
    assert len(receiver.requests) == 2


def test_ten_thousand_failures_of_one_cause_make_one_message_and_one_recovery(watch, receiver, fail, redis):
    watch = watch(FIRST)
    fail()
    [cause] = Causes(redis).read()
    for _ in range(20):
        redis.hincrby(cause_key(cause.id), "count", 500)
        redis.hset(cause_key(cause.id), "last", clock.now())
        redis.zadd("taskdesk:causes", {cause.id: clock.now()})
        watch.look()

    age(redis, 3700)
    watch.look()
    assert receiver.titles() == ["alert.fired: ValueError in raises", "alert.recovered: ValueError in raises"]


def test_evaluators_at_the_same_time_tell_once(redis, alerts_file, receiver, fail):
    file = alerts_file(FIRST)
    fail()
    start = threading.Barrier(8)
    applied = []

    def evaluate():
        evaluator = Evaluator(redis, CatalogReader(redis), file)
        start.wait()
        applied.append(evaluator.evaluate())

    threads = [threading.Thread(target=evaluate) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    Watch(redis, file).deliver()

    assert applied.count(True) >= 1
    assert receiver.titles() == ["alert.fired: ValueError in raises"]


def test_the_lock_lets_one_evaluator_work_at_a_time(redis, alerts_file):
    first, second = (Evaluator(redis, CatalogReader(redis), alerts_file(FIRST)) for _ in range(2))

    assert (first.do_if_due(), second.do_if_due()) == (True, False)
    redis.delete(ALERTS_LOCK)
    assert first.do_if_due() is False  # its own pause


def test_without_a_channel_nothing_is_read_or_written(redis):
    keeper = Keeper(redis, CatalogReader(redis), AlertsFile())

    keeper.tick()

    assert redis.keys("taskdesk:alerts*") == []


def test_many_causes_at_once_make_one_message(watch, receiver, redis):
    for number in range(50):
        cause = f"{number:012x}"
        values = {"task": "t", "type": f"Error{number}", "first": clock.now(), "last": clock.now(), "count": 1}
        redis.hset(cause_key(cause), mapping=values)
        redis.zadd("taskdesk:causes", {cause: clock.now()})

    watch(FIRST).look()

    assert receiver.titles() == ["alert.fired: First failure: 50 alerts"]
    assert receiver.requests[0]["data"]["lines"][-1] == "… and 38 more"


@pytest.mark.parametrize("of", ["", 'task = "raises"\n', 'queue = "default"\n'])
def test_many_failures_are_counted_of_all_of_a_task_and_of_a_queue(watch, receiver, fail, of):
    watch = watch(f'[rules.many]\nwhen = "failures"\ncount = 3\nchannels = ["ops"]\n{of}')
    fail(times=2)
    watch.look()
    assert receiver.requests == []

    fail()
    watch.look()
    watch.look()
    [title] = receiver.titles()
    assert title.startswith("alert.fired: At least 3 jobs")
    assert receiver.requests[0]["data"]["lines"] == ["3 jobs failed."]


def test_failures_of_others_do_not_count(watch, receiver, fail):
    fail(times=3)

    watch('[rules.a]\nwhen = "failures"\ncount = 1\ntask = "echo"\nchannels = ["ops"]\n').look()

    assert receiver.requests == []


NO_WORKER = '[rules.nobody]\nwhen = "no-worker"\nseconds = 60\nchannels = ["ops"]\n'


def test_no_worker_is_notified_after_its_time_and_recovers(watch, receiver, redis, online):
    watch = watch(NO_WORKER)
    watch.look()
    age(redis, 50)
    watch.look()
    assert receiver.requests == []

    age(redis, 20)
    watch.look()
    assert receiver.titles() == ["alert.fired: No worker is online"]

    online("high", "default", "low")
    watch.look()
    age(redis, 70)
    watch.look()
    assert receiver.titles()[1:] == ["alert.recovered: No worker is online"]


def test_a_queue_without_a_worker_is_named_if_jobs_wait_or_the_rule_names_it(watch, receiver, redis, online, client):
    online("high")
    client.post("/api/v1/tasks/echo/jobs", json={"text": "a"})
    rules = NO_WORKER + NO_WORKER.replace("nobody", "low") + 'queue = "low"\n'
    watch = watch(rules)
    watch.look()
    age(redis, 70)
    watch.look()

    assert sorted(receiver.titles()) == [
        "alert.fired: No worker serves the queue default",
        "alert.fired: No worker serves the queue low",
    ]


def test_a_queue_that_waits_is_notified_also_while_it_is_paused(watch, receiver, redis, client):
    job = client.post("/api/v1/tasks/echo/jobs", json={"text": "a"}).json["id"]
    redis.hset(f"rq:job:{job}", "enqueued_at", "2026-01-01T00:00:00.000000Z")
    redis.sadd(PAUSED, "default")

    watch('[rules.slow]\nwhen = "queue-waits"\nseconds = 900\nchannels = ["ops"]\n').look()

    assert receiver.titles() == ["alert.fired: The oldest job of queue default has waited for more than 900 s"]
    assert receiver.requests[0]["data"]["lines"] == ["1 job wait.", "The queue is paused."]


def test_lost_workers_make_one_message(watch, receiver, redis):
    redis.zadd(LOST_WORKERS, {"abc host-1 17": clock.now(), "def host-2 18": clock.now()})
    watch = watch('[rules.lost]\nwhen = "worker-lost"\nchannels = ["ops"]\n')

    watch.look()
    redis.zadd(LOST_WORKERS, {"ghi host-3 19": clock.now()})
    watch.look()

    assert receiver.titles() == ["alert.fired: A worker was lost"]
    assert receiver.requests[0]["data"]["lines"] == ["host-1, process 17", "host-2, process 18"]


LATE = '[rules.late]\nwhen = "schedule-late"\nchannels = ["ops"]\n'


@pytest.fixture
def schedule(redis, registry):
    """Make a schedule that has the name of its task, and whose slot was so many seconds ago; return what fires it."""
    reader, jobs = CatalogReader(redis), Jobs(redis, ("default",))
    firing = Firing(redis, jobs, reader, Retention(100, 200))

    def schedule(ago, task="echo", arguments=(("text", "a"),)):
        slot = int(clock.sync(redis)) - ago
        start = datetime.fromtimestamp(slot - 7200, UTC).isoformat()
        values = {"task": task, "every": "1h", "start": start, "arguments": dict(arguments), "missed": "all"}
        Schedules(redis, reader, ("default",)).create(values, schedule_id=task)
        redis.hset(schedule_key(task), "settled", slot - 60)
        redis.zadd(SCHEDULES, {task: slot})
        return lambda: firing.fire([task], clock.sync(redis), seconds=10)

    return schedule


def test_a_schedule_that_did_not_run_is_notified_and_so_is_that_it_ran(watch, receiver, redis, schedule):
    watch = watch(LATE)
    fire = schedule(ago=50)
    watch.look()
    assert receiver.requests == []

    redis.zincrby(SCHEDULES, -20, "echo")  # time goes on
    watch.look()
    watch.look()
    assert receiver.titles() == ["alert.fired: The schedule echo is late"]
    assert receiver.requests[0]["data"]["url"] == "http://desk.example/schedules"

    fire()
    watch.look()
    age(redis, 70)
    watch.look()
    assert receiver.titles()[1:] == ["alert.recovered: The schedule echo is late"]


def test_a_schedule_whose_slot_could_not_run_is_notified(watch, receiver, redis, schedule):
    fire = schedule(ago=70)
    definition = redis.hget(schedule_key("echo"), "definition").replace(b"text", b"word")
    redis.hset(schedule_key("echo"), "definition", definition)
    fire()

    watch(LATE).look()

    assert receiver.titles() == ["alert.fired: The schedule echo is late"]
    assert receiver.requests[0]["data"]["lines"][0].startswith("It was due at ")


def test_a_schedule_that_is_paused_or_whose_job_has_not_ended_is_not_late(watch, receiver, redis, schedule):
    schedule(ago=4000)()  # the job of its first slot waits; the second one is skipped
    schedule(ago=70, task="raises", arguments=())
    Schedules(redis, CatalogReader(redis), ("default",)).pause("raises")

    watch(LATE).look()

    assert receiver.requests == []


def test_a_channel_that_is_down_gets_everything_later_in_order(watch, receiver, redis, fail):
    watch = watch(FIRST)
    fail()
    receiver.answers = [503, 503]
    watch.look()
    age(redis, 4000)
    watch.look()
    assert [one.status for one in Outbox(redis).last()] == [MessageStatus.WAITING] * 2
    assert Outbox(redis).last()[1].answer == "It answered 503. no thanks."

    for _ in range(2):
        redis.zadd("taskdesk:alerts:channels", {"ops": 0})
        watch.deliver()

    assert receiver.titles()[-2:] == ["alert.fired: ValueError in raises", "alert.recovered: ValueError in raises"]
    assert [one.status for one in Outbox(redis).last()] == [MessageStatus.SENT] * 2
    assert Outbox(redis).counts() == {("ops", "sent"): 2}


def test_the_answer_to_a_message_of_before_the_first_release_is_shown(redis):
    Outbox(redis).add("ops", message_for_test("ops"))
    [key] = [*redis.scan_iter("taskdesk:alerts:message:*")]
    redis.hset(key, "said", "It answered 200.")

    assert Outbox(redis).last()[0].answer == "It answered 200."


def test_a_message_whose_sender_died_is_sent_after_its_lease(watch, receiver, redis, fail):
    watch = watch(FIRST)
    fail()
    watch.evaluator.evaluate()
    assert len(Outbox(redis).claim()) == 1
    watch.deliver()
    assert receiver.requests == []

    redis.zadd("taskdesk:alerts:channels", {"ops": 0})
    watch.deliver()

    assert len(receiver.requests) == 1


def test_no_secret_is_in_redis(watch, receiver, redis, fail):
    fail()
    receiver.answers = [503]
    watch(FIRST).look()

    for key in redis.scan_iter():
        assert b"secret-path" not in (redis.dump(key) or b"")


def test_damaged_data_in_redis_end_no_evaluation(watch, receiver, redis, fail):
    watch = watch(FIRST)
    redis.hset(ALERTS, mapping={"causes\nabc": "{", "causes\ndef": '{"x": 1}', "evaluated": "never"})
    redis.hset("taskdesk:alerts:rules", mapping={"a": "{", "b": '{"when": "future"}', b"\xff": "{}"})
    redis.hset("taskdesk:alerts:silences", mapping={"a": "[]", "b": '{"until": 1}'})
    Outbox(redis).add("ops", message_for_test("ops"))
    [key] = [*redis.scan_iter("taskdesk:alerts:message:*")]
    redis.hset(key, "message", "{")
    fail()

    watch.look()

    assert receiver.titles() == ["alert.fired: ValueError in raises"]


def test_a_task_tells_the_channel_that_it_names(receiver, redis, alerts_file, registry):
    spec = registry.catalog.tasks["raises"].model_copy(update={"notify": "ops"})
    announce(redis, registry.catalog.model_copy(update={"tasks": {**registry.catalog.tasks, "raises": spec}}))
    cause = "0" * 12
    redis.hset(cause_key(cause), mapping={"task": "raises", "type": "E", "first": clock.now(), "last": clock.now()})
    redis.zadd("taskdesk:causes", {cause: clock.now()})

    Watch(redis, alerts_file()).look()

    assert receiver.titles() == ["alert.fired: E in raises"]
    assert receiver.requests[0]["data"]["rule"] == "task:raises"
