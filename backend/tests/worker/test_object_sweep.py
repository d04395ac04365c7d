"""The sweep of the bucket: the objects of jobs that are gone are removed, by one worker at a time."""

from __future__ import annotations

import io

import pytest

from taskdesk.jobs.keys import SWEEP_OBJECTS_LOCK, job_key
from taskdesk.jobs.stores import open_store
from taskdesk.service.settings import SharedSettings, load
from taskdesk.worker.object_sweep import sweep


@pytest.fixture
def store(bucket, redis):
    given = {name.lower(): value for name, value in bucket.settings().items()}
    store = open_store(load(SharedSettings, env="dev", **given))
    for job_id in ("gone", "kept"):
        store.save(job_id, "a", io.BytesIO(b"x"))
        store.save(job_id, "b", io.BytesIO(b"x"))
    redis.hset(job_key("kept"), "status", "finished")
    return store


def jobs_in(store):
    return {job_id for job_id, _ in store.job_ids()}


def test_the_objects_of_jobs_that_are_gone_are_removed(store, redis):
    assert sum(sweep(redis, store, grace=-60)) == 1

    assert jobs_in(store) == {"kept"}


def test_a_young_file_may_belong_to_a_job_that_is_not_there_yet(store, redis):
    assert sum(sweep(redis, store)) == 0

    assert jobs_in(store) == {"gone", "kept"}


def test_one_worker_at_a_time_looks_at_the_bucket(store, redis):
    redis.set(SWEEP_OBJECTS_LOCK, "1")

    assert [*sweep(redis, store, grace=-60)] == []
    assert jobs_in(store) == {"gone", "kept"}
