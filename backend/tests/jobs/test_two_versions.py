"""Two versions of a tasks package are online, as in a rolling deploy: what is offered, and what is accepted."""

from __future__ import annotations

import pytest

from taskdesk.jobs.arguments import check, check_many
from taskdesk.jobs.artifacts import UploadedFile
from taskdesk.jobs.catalog import Catalog, announce
from taskdesk.jobs.catalog_reader import CatalogReader
from taskdesk.jobs.errors import InvalidArguments
from taskdesk.jobs.keys import RQ_WORKERS, worker_key
from tests.jobs.test_parsing import spec

OLD = spec(x=(int, ...))
NEW = spec(x=(int, ...), unit=(str, ...))
REMOVED = spec(y=(int, 1)).model_copy(update={"name": "removed", "reference": "tasks.removed"})
CATALOGS = {
    "old": Catalog(tasks={OLD.name: OLD, REMOVED.name: REMOVED}),
    "new": Catalog(tasks={NEW.name: NEW}),
}


@pytest.fixture
def start(redis):
    def start(version, queues="default"):
        announce(redis, CATALOGS[version])
        key = worker_key(f"worker-{version}-{queues}")
        redis.sadd(RQ_WORKERS, key)
        redis.hset(key, mapping={"queues": queues, "state": "idle", "catalog": CATALOGS[version].digest})

    return start


@pytest.fixture
def announced(redis):
    return lambda: CatalogReader(redis).read()


@pytest.fixture
def both(start, announced):
    """The task as it is announced while both versions are online."""
    start("old"), start("new")
    return announced().tasks[NEW.name]


def test_the_newest_version_is_offered_and_a_removed_task_as_long_as_a_worker_serves_it(start, announced):
    start("old"), start("new")

    tasks = announced().tasks

    assert set(tasks["removed"].parameters) == {"y"}
    assert set(tasks[NEW.name].parameters) == {"x", "unit"}


def test_a_worker_that_announces_its_catalog_again_does_not_become_the_newest(start, announced, redis):
    start("old"), start("new")

    announce(redis, CATALOGS["old"], again=True)

    assert set(announced().tasks[NEW.name].parameters) == {"x", "unit"}


@pytest.mark.parametrize("values", [{"x": 1}, {"x": 1, "unit": "m"}])
def test_what_any_version_takes_is_accepted(both, values):
    check(both, values)
    check_many(both, [values])


def test_what_no_version_takes_is_refused_in_the_words_of_the_newest(both):
    for refuse in (lambda: check(both, {"x": "one"}), lambda: check_many(both, [{"x": 1}, {"x": "one"}])):
        with pytest.raises(InvalidArguments) as refused:
            refuse()
        assert [error.pointer.rpartition("/")[2] for error in refused.value.errors] == ["unit", "x"]


def test_files_are_for_the_newest_version(both, tmp_path):
    (tmp_path / "file").write_text("content")
    with (tmp_path / "file").open("rb") as content, pytest.raises(InvalidArguments):
        check(both, {"x": 1}, {"table": [UploadedFile("table.csv", "text/csv", content)]})


def test_a_version_counts_for_the_queues_that_its_workers_serve(start, announced):
    start("old", "low"), start("new", "default,low")

    online = announced()

    assert online.versions_online(NEW.reference, "default") == [NEW.version]
    assert set(online.versions_online(NEW.reference, "low")) == {OLD.version, NEW.version}
    assert online.versions_online("other.package", "low") == []


def test_versions_are_told_by_what_they_take(registry):
    echo = registry.catalog.tasks["echo"]

    assert echo.version == echo.model_copy(update={"title": "Another"}).version != NEW.version


def test_a_catalog_says_nothing_of_other_versions(both):
    assert "others" not in both.model_dump()
