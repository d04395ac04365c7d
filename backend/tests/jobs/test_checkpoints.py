"""Checkpoints as an author of tasks sees them: in a shell, and over several attempts."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from taskdesk import checkpoint, resumable, resumed
from taskdesk.jobs.checkpoints import CheckpointStore, Place
from taskdesk.jobs.task import JobContext, enter_job


class Kept(CheckpointStore):
    """Keep the record in this process, as a worker keeps it in Redis."""

    record: bytes | None = None
    told: Place | None = None
    times_told = 0

    def load(self):
        return self.record

    def save(self, record):
        self.record = record

    def tell(self, place):
        self.told, self.times_told = place, self.times_told + 1


@pytest.fixture
def store():
    return Kept()


@pytest.fixture
def begin_attempt(store):
    """Begin the next attempt at the job."""

    def begin() -> None:
        store.told = None
        enter_job(JobContext("one", open_store=lambda job_id: store))

    begin()
    yield begin
    enter_job(JobContext())


def rows_until(rows, last):
    """Do the rows up to one that fails; return all that were begun."""
    begun = []
    for row in resumable(rows):
        begun.append(row)
        if row == last:
            break
    return begun


def test_without_a_worker_nothing_is_kept_and_a_task_runs_as_a_plain_function():
    checkpoint({"step": 1})

    assert list(resumable("abc")) == ["a", "b", "c"]
    assert list(resumable("abc")) == ["a", "b", "c"]


def test_without_a_worker_a_task_may_be_called_again_while_its_error_is_looked_at():
    def adds(rows):
        return sum(1 / row for row in resumable(rows))

    with pytest.raises(ZeroDivisionError) as raised:
        adds([1, 0])

    assert adds([1, 2]) == 1.5
    assert raised.tb


def test_the_next_attempt_has_the_last_value(begin_attempt):
    assert resumed() is None
    checkpoint(1)
    checkpoint({"step": [2, None, "ü"]})
    assert resumed() == {"step": [2, None, "ü"]}

    begin_attempt()

    assert resumed() == {"step": [2, None, "ü"]}


@pytest.mark.parametrize("rows", [list("abcd"), "abcd", dict.fromkeys("abcd"), (letter for letter in "abcd")])
def test_the_next_attempt_begins_at_the_row_that_was_not_done(begin_attempt, rows):
    assert rows_until(list("abcd"), "c") == ["a", "b", "c"]

    begin_attempt()

    assert list(resumable(rows)) == ["c", "d"]


def test_what_is_done_is_not_fetched_again(begin_attempt):
    fetched = []

    class Pages(Sequence):
        def __len__(self):
            return 4

        def __getitem__(self, number):
            fetched.append(number)
            return number

    rows_until(range(4), 2)
    begin_attempt()

    assert list(resumable(Pages())) == [2, 3]
    assert fetched == [2, 3]


def test_the_place_where_an_attempt_goes_on_is_told(begin_attempt, store):
    rows_until(range(1000), 412)
    assert store.told is None

    begin_attempt()
    next(resumable(range(1000)))

    assert store.told == Place(412, 1000)


def test_of_rows_without_a_length_and_of_a_value_less_is_told(begin_attempt, store):
    rows_until(iter(range(10)), 3)
    begin_attempt()
    next(resumable(iter(range(10))))
    assert store.told == Place(3, None)

    checkpoint("value")
    begin_attempt()
    resumed()
    assert store.told == Place(3, None)


def test_several_loops_follow_each_other_and_those_that_are_done_yield_nothing(begin_attempt):
    assert list(resumable("ab")) == ["a", "b"]
    assert rows_until("xyz", "y") == ["x", "y"]

    begin_attempt()

    assert list(resumable("ab")) == []
    assert list(resumable("xyz")) == ["y", "z"]
    assert list(resumable("mn")) == ["m", "n"]


def test_after_the_last_row_the_next_attempt_has_none(begin_attempt):
    list(resumable("ab"))

    begin_attempt()

    assert list(resumable("ab")) == []


def test_a_loop_within_another_is_refused(begin_attempt):
    outer = resumable("ab")
    next(outer)

    with pytest.raises(RuntimeError, match="a job has one place to go on at"):
        next(resumable("xy"))


def test_a_value_counts_together_with_its_row(begin_attempt):
    """Else a sum would have the row that fails twice."""
    total = 0
    for row in resumable([1, 2, 4]):
        total += row
        checkpoint(total)
        if row == 4:
            break
    begin_attempt()

    assert resumed() == 3
    assert list(resumable([1, 2, 4])) == [4]


def test_a_value_and_a_loop_are_kept_beside_each_other(begin_attempt):
    checkpoint("before")
    rows_until("abc", "b")
    begin_attempt()
    checkpoint("again")
    begin_attempt()

    assert resumed() == "again"
    assert list(resumable("abc")) == ["b", "c"]


@pytest.mark.parametrize("value", [{1, 2}, object(), float("nan"), {"a": [b"bytes"]}, {(1, 2): 3}])
def test_a_value_that_is_no_json_is_refused_with_a_sentence(value):
    with pytest.raises(ValueError, match=r"checkpoint\(\): the value can't be kept as JSON \(.*\)\. Give texts"):
        checkpoint(value)


def test_a_value_that_contains_itself_is_refused():
    value = []
    value.append(value)

    with pytest.raises(ValueError, match="can't be kept as JSON"):
        checkpoint(value)


def test_a_value_over_the_limit_is_refused_with_a_sentence(begin_attempt):
    checkpoint("x" * (65_536 - 2))

    with pytest.raises(ValueError, match=r"is 65,537 bytes of JSON, over the limit of 65,536\. Keep what is large"):
        checkpoint("x" * (65_537 - 2))


@pytest.mark.parametrize("record", [b"", b"{", b"[]", b'{"value":1}', b'{"value":1,"loop":"abc"}', b'{"loop":[1,2]}'])
def test_a_damaged_record_is_none(begin_attempt, store, record):
    store.record = record

    assert resumed() is None
    assert list(resumable("ab")) == ["a", "b"]


def test_where_an_attempt_goes_on_is_told_once_however_often_a_task_asks(store, begin_attempt):
    checkpoint("a")
    begin_attempt()

    assert [resumed() for _ in range(3)] == ["a"] * 3
    assert (store.told, store.times_told) == (Place(), 1)


@pytest.mark.parametrize("place", [b"[1,-5,9]", b"[1e999,1,9]", b"[1,1e999,9]"])
def test_a_record_that_others_have_damaged_is_none(store, begin_attempt, place):
    store.record = b'{"value":"a","loop":%b}' % place
    begin_attempt()

    assert resumed() is None
    assert list(resumable("ab")) == ["a", "b"]


def test_a_record_that_others_have_made_too_large_is_none(store, begin_attempt):
    store.record = b'{"value":"%b","loop":[0,null,null]}' % (b"x" * 65_536)
    begin_attempt()

    assert resumed() is None


@pytest.mark.parametrize("rows", [5, None, 0.5, object(), len])
def test_what_has_no_rows_is_refused_with_a_sentence(rows):
    with pytest.raises(TypeError, match=r"^resumable\(\): .* has no rows to go over\. Give a list, a range"):
        resumable(rows)
