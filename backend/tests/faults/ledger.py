"""The ledger: what was answered to each submit, kept outside Redis.

A submit is written down as unknown before it is sent. Only an answer makes it accepted or refused: where the answer
was lost it stays unknown, and the job may or may not be there. What Redis's disk lost is forgotten: such a job may be
there, run again, or be gone after it ran.
"""

from __future__ import annotations

import sqlite3
import threading
import time
from pathlib import Path

UNKNOWN, ACCEPTED, REFUSED, FORGOTTEN = "unknown", "accepted", "refused", "forgotten"


class Ledger:
    def __init__(self, path: Path):
        self._lock = threading.Lock()
        self._database = sqlite3.connect(path, check_same_thread=False, isolation_level=None)
        self._database.execute("PRAGMA synchronous = OFF")  # the harness itself is not killed
        self._database.execute("CREATE TABLE submits (id TEXT PRIMARY KEY, task TEXT, outcome TEXT, at REAL)")

    def intend(self, job_id: str, task: str) -> None:
        self._run("INSERT INTO submits VALUES (?, ?, ?, ?)", job_id, task, UNKNOWN, time.time())

    def settle(self, job_id: str, outcome: str) -> None:
        self._run("UPDATE submits SET outcome = ? WHERE id = ?", outcome, job_id)

    def tasks(self, *outcomes: str) -> dict[str, str]:
        """The ids with one of these outcomes, and the task of each, in the order of submits."""
        marks = ", ".join("?" * len(outcomes))
        return dict(self._run(f"SELECT id, task FROM submits WHERE outcome IN ({marks}) ORDER BY at", *outcomes))

    def close(self) -> None:
        self._database.close()

    def _run(self, statement: str, *values: str | float) -> list[tuple[str, str]]:
        with self._lock:
            return self._database.execute(statement, values).fetchall()
