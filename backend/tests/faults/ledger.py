"""The ledger: what was answered to each submit, kept outside Redis.

A submit is recorded as unknown before it is sent. Only an answer makes it accepted or refused: if the answer is lost,
the submit stays unknown, and the job may or may not be there. A job that Redis's disk lost is forgotten: it may be
there, run again, or be gone after it ran.
"""

from __future__ import annotations

import sqlite3
import threading
import time
from pathlib import Path
from typing import Any, NamedTuple

from tests.faults.endings import ENDINGS, PLAIN, Ending

UNKNOWN, ACCEPTED, REFUSED, FORGOTTEN = "unknown", "accepted", "refused", "forgotten"


class Entry(NamedTuple):
    """One submit. `parent` is the id of the job that this one waits for, or empty."""

    task: str
    ending: Ending
    parent: str
    outcome: str


class Ledger:
    def __init__(self, path: Path):
        self._lock = threading.Lock()
        self._database = sqlite3.connect(path, check_same_thread=False, isolation_level=None)
        self._database.execute("PRAGMA synchronous = OFF")  # the harness itself is not killed
        self._database.execute(
            "CREATE TABLE submits (id TEXT PRIMARY KEY, task TEXT, ending TEXT, parent TEXT, outcome TEXT, at REAL)"
        )

    def intend(self, job_id: str, task: str, ending: str = PLAIN, parent: str = "") -> None:
        self._run("INSERT INTO submits VALUES (?, ?, ?, ?, ?, ?)", job_id, task, ending, parent, UNKNOWN, time.time())

    def settle(self, job_id: str, outcome: str) -> None:
        self._run("UPDATE submits SET outcome = ? WHERE id = ?", outcome, job_id)

    def entries(self, *outcomes: str) -> dict[str, Entry]:
        """Return the submits with one of these outcomes, by job id, in the order of submission."""
        marks = ", ".join("?" * len(outcomes))
        statement = f"SELECT id, task, ending, parent, outcome FROM submits WHERE outcome IN ({marks}) ORDER BY at"
        rows = self._run(statement, *outcomes)
        return {row[0]: Entry(row[1], ENDINGS[row[2]], row[3], row[4]) for row in rows}

    def tasks(self, *outcomes: str) -> dict[str, str]:
        """Return the task of each submit with one of these outcomes, by job id."""
        return {job_id: entry.task for job_id, entry in self.entries(*outcomes).items()}

    def close(self) -> None:
        self._database.close()

    def _run(self, statement: str, *values: str | float) -> list[tuple[Any, ...]]:
        with self._lock:
            return self._database.execute(statement, values).fetchall()
