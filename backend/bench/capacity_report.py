"""docs/capacity.md: the costs that were measured, how far the model is from three loads, and what follows from it."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import date

from bench.capacity_model import MB, SPLIT_AT, Costs, Load, predict

_WORDS = {
    "submit": "submit one job",
    "submit_in_batch": "submit one of a call with 1,000",
    "run": "reserve a job, and end it",
    "event": "one report of progress (a job makes ten a second at most)",
    "watch": "one web process reads it for those who watch",
    "worker_second": "one worker process, for a second",
}
_JOB_SECONDS = (0.001, 0.01, 0.1, 1.0, 10.0, 60.0)


@dataclass(frozen=True)
class Point:
    """A load that was tried: its jobs/s and Redis's share of one core, as measured and as the model says."""

    name: str
    jobs_per_second: float
    measured: float
    predicted: float

    @property
    def error(self) -> float:
        return self.predicted / self.measured - 1


def as_markdown(costs: Costs, points: Sequence[Point], redis_version: str) -> str:
    shown = {**asdict(costs), "date": date.today(), "cores": os.cpu_count(), "redis": redis_version, "split": SPLIT_AT}
    return _PAGE.format(
        **shown,
        steps=_table(["step", "Redis's time"], [[words, f"{shown[name]:,.0f} µs"] for name, words in _WORDS.items()]),
        jobs=_table(
            ["a job takes", "jobs/s", "workers", "jobs/s in batches", "jobs/s without progress"],
            [_row(costs, seconds) for seconds in _JOB_SECONDS],
        ),
        points=_table(["load", "jobs/s", "measured", "predicted", "off by"], list(map(_line, points))),
        json=json.dumps(asdict(costs)),
    )


def _line(point: Point) -> list[str]:
    shares = f"{point.measured:.1%}", f"{point.predicted:.1%}", f"{point.error:+.0%}"
    return [point.name, f"{point.jobs_per_second:,.0f}", *shares]


def _row(costs: Costs, seconds: float) -> list[str]:
    events = 10 * seconds if seconds >= 0.1 else 0
    full = predict(costs, Load(1, seconds, events, 2))
    batch = predict(costs, Load(1, seconds, events, 2, batch=True))
    quiet = predict(costs, Load(1, seconds))
    jobs = full.most_jobs_per_second
    return [
        f"{seconds:g} s",
        f"{jobs:,.0f}",
        f"{jobs * seconds:,.0f}",
        f"{batch.most_jobs_per_second:,.0f}",
        f"{quiet.most_jobs_per_second:,.0f}",
    ]


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [head, ["---", *["--:"] * (len(head) - 1)], *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def prediction_text(costs: Costs, load: Load) -> str:
    found = predict(costs, load)
    return (
        f"Redis: {found.redis_share:.0%} of its core"
        + (f", which is too much for one desk: above {SPLIT_AT:.0%}, split it.\n" if found.has_to_split else ".\n")
        + f"Of such jobs one desk can do {found.most_jobs_per_second:,.0f} a second.\n"
        + f"Worker processes that are busy: {found.workers:,.1f}; add a third for peaks.\n"
        + f"Memory of Redis for the jobs: {found.memory_bytes / MB:,.0f} MB.\n"
    )


_PAGE = """\
# How much one desk can do

`make capacity` has measured this on {date} with {cores} cores and Redis {redis}, and writes this page. Measure on your
own machine before you rely on it.

The limit of a desk is the one core on which its Redis runs all commands: web processes and workers can be added. So
what counts is the time that each step takes of Redis:

{steps}

A job that waits takes {waiting_bytes:,.0f} bytes of Redis. One that has finished, with a small result, takes
{finished_bytes:,.0f} for `RESULT_TTL`: {finished_bytes:,.0f} MB for a million. Larger results, output and progress come
on top.

## Jobs per second

With Redis busy for {split:.0%} of the time: above, answers take a multiple of their time, and a peak has no room. A job
of 0.1 s or more reports its progress ten times a second, and two web processes show it to people.

{jobs}

With long jobs the limit is how many workers you can pay for.

## How good the prediction is

Redis's share of its core under three loads of simulated workers: as measured, and as the sum of the steps says.

{points}

## Your own numbers

    cd backend
    ../.venv/bin/python -m bench.capacity --jobs-per-second 40 --job-seconds 3 --events-per-job 30 --result-bytes 2000

This says from the figures above how busy Redis will be, how many workers the jobs need, what memory they take, and
whether one desk can do it. `--help` lists the other numbers.

## When one desk is not enough

Above {split:.0%}, first submit in batches, report progress less often, and keep results for a shorter time. Then give
some of the tasks a second desk, with a Redis server of its own. A second database or another `RQ_KEY_PREFIX` of the
same server shares its core, and Redis Cluster would spread the keys of one job over several servers.

<!-- {json} -->
"""
