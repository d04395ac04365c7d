"""The page of the workers, without JavaScript."""

from __future__ import annotations

from datetime import UTC, datetime

from taskdesk.jobs.catalog import BrokenModule, Catalog, announce


def test_a_worker_shows_its_job_and_its_versions(client, page, online, submit, redis, registry):
    job_id = submit("echo", {"text": "a"})
    started_at = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    redis.hset(f"rq:job:{job_id}", mapping={"status": "started", "started_at": started_at})
    mine = {"catalog": registry.catalog.digest, "td_memory": 64_000_000, "td_version": "0.1.0"}
    online(
        "one", state="busy", current_job=job_id, failed_job_count=2, python_version="3.12.1 (x)", version="2.1", **mine
    )
    online("two", state="started")

    text = page("/workers")

    assert "2 online: 1 busy, 1 starting." in text
    assert f"busy echo {job_id[:8]} since {started_at[:10]}" in text
    assert "2 failed 64.0 MB" in text
    assert f"{registry.catalog.digest[:7]} Taskdesk 0.1.0 RQ 2.1 Python 3.12.1" in text
    assert f"/jobs/{job_id}" in client.get("/workers").text
    assert "versions of the tasks" not in text


def test_the_page_names_two_versions_of_the_tasks_and_a_broken_module(page, online, registry, redis):
    changed = Catalog(
        tasks=registry.catalog.tasks, broken=[BrokenModule(module="tasks.mail", error="no <b>smtplib2</b>")]
    )
    announce(redis, changed)
    online("old", catalog=registry.catalog.digest)
    online("new", catalog=changed.digest)

    text = page("/workers")

    assert "Two versions of the tasks are online" in text
    assert "Could not load tasks.mail . The other tasks are not affected. no &lt;b&gt;smtplib2&lt;/b&gt;" in text


def test_where_no_worker_is_online_the_page_says_how_to_start_one(page):
    text = page("/workers")

    assert "No workers are online" in text
    assert "taskdesk worker" in text


def test_a_worker_has_its_name_and_an_anchor(client, online):
    online("781a29b0c1d2e3f4")

    page = client.get("/workers").text

    assert 'id="worker-781a29b0c1d2e3f4"' in page
    assert "<code>781a29b0</code>" in page
