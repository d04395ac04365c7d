"""What a long job has done so far, for its next attempt: `checkpoint`, `resumed` and `resumable`.

A job keeps one record. It has the value of `checkpoint`, and the place in the loop that goes over `resumable` rows.
Outside of a worker nothing is kept, so that a shell or a unit test can call the task.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Iterable, Iterator, Sequence, Sized
from dataclasses import dataclass
from itertools import islice
from typing import Any, NamedTuple, TypeVar

from taskdesk.jobs.task import JobContext, current_job

MAX_CHECKPOINT_BYTES = 64 * 1024  # of JSON
_NOTHING = b"null"
_creating = threading.Lock()

Row = TypeVar("Row")


class CheckpointStore:
    """Where the record of a job is kept: here nowhere, as outside of a worker."""

    def load(self) -> bytes | None:
        """Return the record of the attempt before."""
        return None

    def save(self, record: bytes) -> None:
        pass

    def tell(self, place: Place) -> None:
        """Show people where this attempt goes on."""


class Place(NamedTuple):
    """The rows of a loop that are done, and their number; None where nobody knows."""

    done: int | None = None
    total: int | None = None


_NOWHERE = Place()


@dataclass(frozen=True)
class Record:
    """`value`: JSON. `loop`: the number of the loop in its attempt, from 1; 0 for none."""

    value: bytes = _NOTHING
    loop: int = 0
    place: Place = _NOWHERE

    def as_json(self) -> bytes:
        return b'{"value":%b,"loop":%b}' % (self.value, json.dumps([self.loop, *self.place]).encode())

    @classmethod
    def of(cls, text: bytes | None) -> Record | None:
        """Return the record; None if there is none, or if others have damaged it."""
        try:
            stored = json.loads(text or _NOTHING)
            loop, done, total = stored["loop"]
            record = cls(_as_json(stored["value"]), int(loop), Place(done and int(done), total and int(total)))
        except (ValueError, TypeError, KeyError, OverflowError, RecursionError):
            return None
        return record if len(record.value) <= MAX_CHECKPOINT_BYTES and (record.place.done or 0) >= 0 else None


class Checkpoints:
    """Those of one job. Threads of the job may also use them."""

    def __init__(self, store: CheckpointStore):
        self._store = store
        self._before = Record.of(store.load())
        self._record = self._before or Record()
        self._loops = 0  # that have begun
        self._reported: Place | None = None
        self._is_looping = False
        self._held: bytes | None = None  # the value that counts once its row is done
        self._lock = threading.Lock()

    def keep(self, value: bytes) -> None:
        with self._lock:
            if self._is_looping:
                self._held = value
            else:
                self._save(Record(value, self._record.loop, self._record.place))

    def last_value(self) -> Any:
        with self._lock:
            if self._before and self._before.value != _NOTHING:
                self._tell(self._before.place)
            return json.loads(self._record.value if self._held is None else self._held)

    def rows(self, rows: Iterable[Row]) -> Iterator[Row]:
        """Yield the rows that are not done yet. A row is done when the next one is asked for."""
        number, done = self._begin_loop()
        if done is None:
            return
        total = len(rows) if isinstance(rows, Sized) else None
        if done:
            self._tell(Place(done, total))
        try:
            for row in _after(rows, done):
                yield row
                done += 1
                self._end_row(number, Place(done, total))
        finally:
            self._is_looping, self._held = False, None

    def _begin_loop(self) -> tuple[int, int | None]:
        """Return the number of the loop, and how many of its rows are done: None if all are."""
        with self._lock:
            if self._is_looping:
                raise RuntimeError(
                    "resumable() is called within a loop over resumable(), and a job has one place to go on at. "
                    "Make one of both a plain loop."
                )
            self._loops += 1
            before = self._before or Record()
            if self._loops < before.loop:
                return self._loops, None
            self._is_looping = True
            return self._loops, (before.place.done or 0) if self._loops == before.loop else 0

    def _end_row(self, loop: int, place: Place) -> None:
        with self._lock:
            value = self._record.value if self._held is None else self._held
            self._held = None
            self._save(Record(value, loop, place))

    def _save(self, record: Record) -> None:
        self._store.save(record.as_json())
        self._record = record

    def _tell(self, place: Place) -> None:
        """Tell it once: a task may call `resumed` for each row, and this asks Redis."""
        if place != self._reported:
            self._store.tell(place)
            self._reported = place


def checkpoint(value: Any) -> None:
    """Keep a value for the next attempt at this job: any JSON of up to 64 KiB. It is cheap to call often.

    In a loop over `resumable` rows, the value counts once its row is done.
    """
    _checkpoints_of(current_job()).keep(_encoded(value))


def resumed() -> Any:
    """Return the last value that this job has kept, in this attempt or one before; None if there is none."""
    return _checkpoints_of(current_job()).last_value()


def resumable(rows: Iterable[Row]) -> Iterator[Row]:
    """Yield the rows, in the next attempt at this job only those that no attempt before has done.

    The rows have to be the same in each attempt, in the same order. Raises TypeError for what has no rows.
    """
    if not isinstance(rows, Iterable) and not hasattr(rows, "__getitem__"):
        raise TypeError(
            f"resumable(): {rows!r:.100} has no rows to go over. Give a list, a range or another iterable, such as "
            "resumable(range(5))."
        )
    return _checkpoints_of(current_job()).rows(rows)


def _checkpoints_of(context: JobContext) -> Checkpoints:
    if not context.open_store:
        return Checkpoints(CheckpointStore())  # a new one each time: a shell may call the task again after an error
    with _creating:
        if context.checkpoints is None:
            context.checkpoints = Checkpoints(context.open_store(context.job_id))
        checkpoints: Checkpoints = context.checkpoints
        return checkpoints


def _encoded(value: Any) -> bytes:
    try:
        encoded = _as_json(value)
    except (TypeError, ValueError, RecursionError) as error:
        raise ValueError(
            f"checkpoint(): the value can't be kept as JSON ({error}). Give texts, numbers, true or false, None, and "
            "lists and dicts of them."
        ) from None
    if len(encoded) > MAX_CHECKPOINT_BYTES:
        raise ValueError(
            f"checkpoint(): the value is {len(encoded):,} bytes of JSON, over the limit of {MAX_CHECKPOINT_BYTES:,}. "
            "Keep what is large in a file or a database, and its name here."
        )
    return encoded


def _as_json(value: Any) -> bytes:
    return json.dumps(value, allow_nan=False, separators=(",", ":")).encode()


def _after(rows: Iterable[Row], done: int) -> Iterator[Row]:
    if isinstance(rows, Sequence):  # rows that are made when they are asked for need not be made again
        return (rows[number] for number in range(done, len(rows)))
    return islice(rows, done, None)
