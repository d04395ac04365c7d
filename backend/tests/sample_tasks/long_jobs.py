"""Tasks that go on where an attempt before has stopped. Each notes the rows that it does in a file."""

import multiprocessing
import os
import signal
import threading
import time
from pathlib import Path
from typing import Any

from redis import Redis

from taskdesk import Backoff, checkpoint, current_job, resumable, resumed, task

AT_ONCE = Backoff(first=0)


def _note(path: str, row: object) -> int:
    """Add a line, and return how many there are."""
    with Path(path).open("a") as file:
        file.write(f"{row}\n")
    return len(Path(path).read_text().splitlines())


def _until_sent() -> None:
    """Wait until a checkpoint of this job is in Redis. The next one follows a second later, or at the end."""
    job = current_job()
    with Redis.from_url(job.settings.redis_url.get_secret_value()) as redis:
        while not redis.hexists(f"rq:job:{job.job_id}", "td_checkpoint"):
            time.sleep(0.01)


@task(retries=5, backoff=AT_ONCE)
def sums_rows(path: str, rows: int, how: str = "", at: int = -1) -> int:
    """Sum the numbers up to `rows`; the first time at row `at`, end in this way."""
    total = resumed() or 0
    for row in resumable(range(rows)):
        lines = _note(path, row)
        total += row
        checkpoint(total)
        if row == 1:
            _until_sent()
        if row == at and lines == at + 1:
            if how == "raise":
                raise ConnectionError("gone")
            if how == "kill":
                os.kill(os.getpid(), signal.SIGKILL)
            if how == "exit":
                raise SystemExit(1)
    return total


@task(retries=1, backoff=AT_ONCE, timeout=1)
def counts_past_its_time(path: str, steps: int) -> int:
    """Take longer than the limit; the second attempt has the rest of the steps."""
    for step in range(resumed() or 0, steps):
        _note(path, step)
        time.sleep(0.08)
        checkpoint(step + 1)
    return steps


@task(retries=20, backoff=AT_ONCE)
def does_steps(path: str, steps: int, pause: float = 0.02) -> int:
    """Do so many steps, in as many attempts as it takes. Each line also has the process."""
    for step in resumable(range(steps)):
        _note(path, f"{step} {os.getpid()}")
        time.sleep(pause)
    return steps


@task(retries=9, backoff=AT_ONCE)
def dies_at_rows(path: str, rows: list[int]) -> str:
    """Kill the process at each of these rows, once for each time that the row is named."""
    for row in resumable(range(100)):
        _note(path, row)
        if Path(path).read_text().splitlines().count(str(row)) <= rows.count(row):
            os.kill(os.getpid(), signal.SIGKILL)
    return "done"


@task(retries=1, backoff=AT_ONCE)
def checkpoints_elsewhere(where: str) -> list[Any]:
    """Keep a checkpoint in a thread or in another process; the second attempt returns what it finds."""
    if where != "process alone" and resumed():
        return [resumed()]
    if where != "process alone":
        checkpoint("own")
    if where == "thread":
        thread = threading.Thread(target=checkpoint, args=("of a thread",))
        thread.start()
        thread.join()
    else:
        process = multiprocessing.get_context("fork").Process(target=checkpoint, args=("of a process",))
        process.start()
        process.join()
        print(f"exit status {process.exitcode}")
        if where == "process alone":
            return [resumed()]
    raise ConnectionError("try again")


def leaves_a_thread(path: str) -> None:
    """Leave a thread that keeps a checkpoint when the job has ended."""

    def late() -> None:
        while not Path(path).exists():
            time.sleep(0.01)
        checkpoint("late")
        Path(path).write_text("done")

    threading.Thread(target=late, daemon=True).start()
    checkpoint("in time")


@task(retries=1, backoff=AT_ONCE)
def waits_for_late_thread(path: str) -> list[Any]:
    """Let the thread of the job before keep its checkpoint now, and return this job's in the next attempt."""
    if resumed():
        return [resumed()]
    checkpoint("own")
    _until_sent()
    checkpoint("own, and newer")
    Path(path).write_text("")
    while not Path(path).read_text():
        time.sleep(0.01)
    raise ConnectionError("try again")


def keeps(value: Any) -> None:
    """Keep this value."""
    checkpoint(value)


@task(grace=600)
def takes_its_time(path: str) -> str:
    """Note a line now and then until there is a file beside it."""
    while not Path(f"{path}-go").exists():
        _note(path, "still here")
        time.sleep(0.1)
    return "in its own time"


@task(grace=0)
def makes_way_at_once(path: str) -> str:
    """Never end; a stop need not wait."""
    while True:
        _note(path, "still here")
        time.sleep(0.1)
