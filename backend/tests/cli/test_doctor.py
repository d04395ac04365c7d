"""`taskdesk doctor` beside jobs of plain RQ, on a real Redis."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from redis import Redis
from rq import Callback, Queue, Worker
from rq.serializers import JSONSerializer

from tests.conftest import BACKEND, RedisServer, wait_until

PASSWORD = "a-password-that-nobody-sees"


@pytest.fixture
def doctor(run, redis_url):
    """Run the command at an address; REDIS_URL names nothing, so the option decides."""
    return lambda url=redis_url: run("doctor", "--redis", url, REDIS_URL="redis://127.0.0.1:1/0")


@pytest.fixture
def enqueue(redis):
    """Enqueue a job as plain RQ does, as a pickle unless `json` is set."""

    def enqueue(function: str, *arguments, queue: str = "shop", json: bool = False, **options):
        serializer = JSONSerializer if json else None
        return Queue(queue, connection=redis, serializer=serializer).enqueue(function, *arguments, **options)

    return enqueue


def everything_in(redis: Redis) -> dict[bytes, tuple[bytes, bool]]:
    """Return each key with its value, and whether it expires."""
    return {key: (redis.dump(key), redis.ttl(key) >= 0) for key in redis.scan_iter()}


class Trap:
    """An object whose pickle changes Redis when it is loaded."""

    def __init__(self, url: str):
        self._url = url

    def __reduce__(self):
        return eval, (f"__import__('redis').Redis.from_url({self._url!r}).set('loaded', 'yes')",)


def test_what_is_json_and_in_one_package_works_and_the_settings_are_printed(doctor, enqueue):
    enqueue("shop.mail.jobs.send", "a@b.c", json=True)
    enqueue("shop.reports.jobs.render", json=True, queue="slow", on_success=Callback("shop.reports.rendered"))

    done = doctor()

    assert done.exit_code == 0
    assert "To change" not in done.stdout
    assert "  - Queue shop: 1 queued.\n  - Queue slow: 1 queued.\n" in done.stdout
    assert "  - JSON: 2 of 2 jobs that were looked at." in done.stdout
    assert "  - Module shop.mail.jobs: send.\n  - Module shop.reports.jobs: render.\n" in done.stdout
    assert "  - Callback on_success: shop.reports.rendered is called.\n" in done.stdout
    assert "Settings of our worker, beside REDIS_URL:\n    QUEUES=shop,slow\n    TASKS=shop\n" in done.stdout


def test_a_pickle_is_named_with_the_lines_that_change_it_and_never_loaded(doctor, enqueue, redis, redis_url):
    enqueue("shop.mail.send", Trap(redis_url))

    done = doctor()

    assert done.exit_code == 1
    assert "  - Pickle: the data of 1 of 1 jobs that were looked at are a pickle, which we never load." in done.stdout
    assert 'queue = Queue("…", connection=redis, serializer=JSONSerializer)' in done.stdout
    assert "Module shop.mail: send." in done.stdout
    assert not redis.exists("loaded")


def test_nothing_is_changed(doctor, enqueue, redis):
    for json in (False, True):
        enqueue("shop.mail.send", "a", json=json, on_failure=Callback("other.callbacks.failed"))
        Queue("later", connection=redis, serializer=JSONSerializer if json else None).enqueue_in(
            timedelta(hours=1), "shop.mail.send"
        )
    Worker(["shop"], connection=redis).register_birth()
    before = everything_in(redis)

    doctor()

    assert len(before) >= 8
    assert everything_in(redis) == before


@pytest.mark.parametrize(
    ("prepare", "sentence", "line"),
    [
        ({"function": "__main__.f"}, "f: a worker can't import a script.", "# move the function into a module"),
        (
            {"function": "shop.mail.send", "on_failure": Callback("audit.failed")},
            "Callback on_failure: audit.failed is not called",
            "# define it in shop.mail; its name may begin with _",
        ),
        ({"function": "shop.mail.send", "queue": "a.b"}, "Queue 'a.b' (1 queued) has a name", "# use letters, digits"),
    ],
)
def test_what_is_to_be_changed_is_named_with_the_line(doctor, enqueue, prepare, sentence, line):
    enqueue(**prepare, json=True)

    done = doctor()

    to_change = done.stdout.partition("To change:\n")[2]
    assert done.exit_code == 1
    assert f"  - {sentence}" in to_change
    assert f"        {line}" in to_change


def test_functions_of_several_packages_are_named_and_the_largest_one_is_proposed(doctor, enqueue):
    for function in ("shop.mail.send", "shop.reports.render", "images.crop"):
        enqueue(function, json=True)

    done = doctor()

    assert "Module images (crop) is outside of TASKS=shop: its jobs are handed back" in done.stdout
    assert "        TASKS=shop,images    # if all public functions of images may be tasks" in done.stdout
    assert "        crop = taskdesk.task()(images.crop)\n" in done.stdout
    assert "    TASKS=shop\n" in done.stdout


def test_versions_schedulers_and_a_suspension_are_told(doctor, enqueue, redis):
    enqueue("shop.mail.send", json=True)
    for name, version in (("new", "3.0.0"), ("old", "1.16.2")):
        worker = Worker(["shop"], connection=redis, name=name)
        worker.version = version
        worker.register_birth()
        redis.hset(worker.key, "version", version)
    redis.set("rq:scheduler-lock:shop", "new")
    redis.set("rq:suspended", 1)
    redis.zadd("rq:scheduler:scheduled_jobs", {"a": 1})
    redis.zadd("rq:cron_schedulers", {"a": 1})

    works, _, to_change = doctor().stdout.partition("To change:\n")

    assert "RQ 3.0.0: 1 worker. They may go on beside ours." in works
    assert "RQ's scheduler serves shop." in works
    assert "RQ 1.16.2: 1 worker. Beside our worker, only RQ 2.12 and later are tested." in to_change
    assert "All workers are suspended, and so would be ours.\n        rq resume\n" in to_change
    assert "`rq cron` is running." in to_change
    assert "The package rq-scheduler enqueues jobs." in to_change


@pytest.mark.slow
def test_it_asks_as_little_of_thousands_of_jobs_as_of_a_few_hundred(doctor, redis):
    def commands_for(count: int) -> int:
        queue = Queue("shop", connection=redis, serializer=JSONSerializer)
        queue.enqueue_many([Queue.prepare_data("shop.mail.send") for _ in range(count)])
        before = redis.info("stats")["total_commands_processed"]
        assert "JSON: 100 of 100 jobs that were looked at." in doctor().stdout
        return redis.info("stats")["total_commands_processed"] - before

    few, many = commands_for(200), commands_for(5_000)

    assert many <= few + 20


def test_an_empty_redis_is_said_to_be_one(doctor):
    assert "There are no queues of RQ. Is this the right database?" in doctor().stdout


@pytest.mark.parametrize("kind", ["string", "damaged"])
def test_keys_that_hold_something_else_do_no_harm(doctor, enqueue, redis, kind):
    job = enqueue("shop.mail.send", json=True)
    if kind == "string":
        redis.delete(job.key)
        redis.set(job.key, "a")
        redis.set("rq:failed:shop", "a")
    else:
        redis.hset(job.key, "data", b"x\x9cdamaged")

    assert "Queue shop: 1 queued." in doctor().stdout


@pytest.fixture
def strict(tmp_path):
    """A Redis with a password, a user with few rights, and options of the test."""
    server = RedisServer(tmp_path / "strict")
    (tmp_path / "strict").mkdir()
    yield server
    server.stop()


def test_a_missing_right_is_named_with_the_line_that_gives_all_of_them(doctor, strict):
    strict.start()
    operating = (BACKEND.parent / "docs" / "operating.md").read_text()
    with Redis.from_url(strict.url) as redis:
        redis.execute_command(*("ACL", "SETUSER", "few", "on", ">pass", "allkeys", "allchannels", "+@all", "-eval"))

    done = doctor(strict.url.replace("//", "//few:pass@"))

    to_change = done.stdout.partition("To change:\n")[2]
    assert done.exit_code == 1
    assert to_change.startswith("  - The Redis user in REDIS_URL lacks the right +eval")
    [line] = re.findall("        (ACL SETUSER .*)", to_change)
    assert f"    {line}\n" in operating


def test_a_user_who_may_not_read_the_queues_is_told_so_with_status_2(doctor, strict):
    strict.start()
    with Redis.from_url(strict.url) as redis:
        redis.execute_command("ACL", "SETUSER", "few", "on", ">pass", "~other:*", "+@all")

    done = doctor(strict.url.replace("//", "//few:pass@"))

    assert done.exit_code == 2
    assert "The Redis user in REDIS_URL lacks the right" in done.stderr


def test_a_cluster_is_refused_with_status_2(doctor, strict):
    strict.options = ["--cluster-enabled", "yes", "--appendonly", "no"]
    strict.launch()

    wait_until(strict.answers, what="Redis answers")
    done = doctor(strict.url)

    assert done.exit_code == 2
    assert "Redis runs in cluster mode, which RQ can't use" in done.stderr


def test_a_password_is_not_shown(doctor, strict):
    strict.options = ["--requirepass", PASSWORD]
    strict.url = strict.url.replace("//", f"//:{PASSWORD}@")
    strict.start()

    done = doctor(strict.url)
    refused = doctor(strict.url.replace(PASSWORD, "guess"))

    assert f"RQ at redis://127.0.0.1:{strict.port}/0: 0 queues" in done.stdout
    assert PASSWORD not in done.output
    assert refused.exit_code == 2
    assert "Redis refuses the password" in refused.stderr


def test_a_wrong_address_is_refused_by_name(doctor):
    done = doctor("localhost:6379")

    assert done.exit_code == 2
    assert "--redis: it has to look like redis://" in done.stderr
