"""The results as Markdown."""

from __future__ import annotations

import os
import platform
import sys
import traceback
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import astuple
from datetime import date
from pathlib import Path
from statistics import median

from bench.drain import Drain
from bench.endurance import Endurance
from bench.history import History
from bench.http_load import CONNECTIONS, Load
from bench.latency import Latency
from bench.paint import LOADS
from bench.sites import HISTORY
from bench.submits import Submits
from bench.traffic import Traffic
from bench.watchers import Watching
from taskdesk.jobs.submission import MAX_BATCH

RESULTS = Path(__file__).parent / "RESULTS.md"
US = "Taskdesk"
MB = 1 << 20


class Report:
    def __init__(self, redis_version: str, peers: Mapping[str, str]):
        versions = ", ".join(f"{name} {version}" for name, version in peers.items())
        self._parts = [
            "# Speed and costs of the worker and the web",
            f"`make bench` on {date.today()}: {os.cpu_count()} cores, Python {platform.python_version()}, "
            f"Redis {redis_version}. Peers: {versions}.",
        ]
        self._failed: list[str] = []

    @contextmanager
    def part(self, name: str) -> Iterator[None]:
        """If the block raises, drop what it has added, name the part and the error in its place, and go on."""
        before = len(self._parts)
        try:
            yield
        except Exception as error:
            traceback.print_exc()
            self._parts[before:] = [f"## {name}", f"This part has failed: `{type(error).__name__}: {error}`"]
            self._failed.append(name)

    def drains(self, drains: dict[tuple[str, int], list[Drain]]) -> None:
        """Runs by contender and number of worker processes."""
        self._parts += [
            "## Drain",
            "No-op jobs that each count one in Redis, and whose results are kept, in jobs/s: medians of "
            f"{len(drains[US, 1])} interleaved runs. CPU is per job, with one process; the job's own count is in it.",
        ]
        names = dict.fromkeys(name for name, _ in drains)
        rates = {key: median(run.rate for run in runs) for key, runs in drains.items()}
        rows = [
            [
                name,
                f"{rates[name, 1]:,.0f}",
                _times(rates[US, 1] / rates[name, 1]),
                f"{rates[name, 2]:,.0f}",
                _times(rates[US, 2] / rates[name, 2]),
                f"{median(run.cpu for run in drains[name, 1]) * 1e6:,.0f} µs",
                f"{median(run.redis_cpu for run in drains[name, 1]) * 1e6:,.0f} µs",
            ]
            for name in names
        ]
        columns = ["", "1 process", "Taskdesk is", "2 processes", "Taskdesk is", "CPU of the worker", "of Redis"]
        self._table(columns, rows)

    def latencies(self, latencies: dict[str, Latency]) -> None:
        self._parts += ["## From submit to start", "An idle worker, one job after the other; its submitter's clock."]
        rows = [[name, f"{one.p50 * 1e3:.2f} ms", f"{one.p95 * 1e3:.2f} ms"] for name, one in latencies.items()]
        self._table(["", "p50", "p95"], rows)

    def traffic(self, per_job: dict[str, Traffic], idle: dict[int, Traffic]) -> None:
        self._parts += [
            "## Traffic with Redis",
            "Round trips are counted by a proxy; commands are those that Redis has run, also inside scripts.",
        ]
        rows = [[f"{name}, per job", f"{t.round_trips:.2f}", f"{t.commands:.1f}"] for name, t in per_job.items()]
        for queues, one in idle.items():
            label = f"{US}, idle on {queues} queue{'s' * (queues > 1)}, per second"
            rows.append([label, f"{one.round_trips:.2f}", f"{one.commands:.1f}"])
        self._table(["", "round trips", "commands"], rows)

    def endurance(self, run: Endurance) -> None:
        self._parts += [
            f"## {run.steps[-1].jobs:,} jobs",
            "One worker process, whose child is not replaced meanwhile. Memory includes that of its parents: "
            "a page that n of them share counts as 1/n in each. "
            f"A finished job takes {run.redis_bytes_per_job:,.0f} bytes of Redis.",
        ]
        rows = [[f"{step.jobs:,}", f"{step.rate:,.0f}", f"{step.pss / MB:.1f} MB"] for step in run.steps]
        self._table(["jobs", "jobs/s", "memory"], rows)

    def submits(self, runs: list[Submits]) -> None:
        """One web process of Taskdesk comes first."""
        names = list(dict.fromkeys(run.site for run in runs))
        self._parts += [
            "## Submits by HTTP",
            f"What a web server takes of {CONNECTIONS} clients, each of which sends a job, waits for the answer, and "
            f"sends the next: medians of {len(runs) // len(names)} interleaved runs. The clients and Redis run on the "
            f"same cores. Tutorial 003's server lists its {HISTORY} finished jobs in each answer; gunicorn's sync "
            "worker closes each connection. Aims: 2,000 jobs/s and a p99 of 60 ms with one process, 8 times "
            "tutorial 003, 2.5 times tutorial 004.",
        ]
        kept = {name: _typical([run.kept for run in runs if run.site == name]) for name in names}
        new = {name: _typical([run.new for run in runs if run.site == name]) for name in names}
        rows = [
            [
                name,
                f"{kept[name].rate:,.0f}",
                _times(kept[names[0]].rate / kept[name].rate),
                _milliseconds(kept[name].p50),
                _milliseconds(kept[name].p99),
                f"{new[name].rate:,.0f}",
                _times(new[names[0]].rate / new[name].rate),
                _milliseconds(new[name].p99),
            ]
            for name in names
        ]
        again = ["a connection per call", f"{names[0]} is", "p99"]
        self._table(["", "jobs/s", f"{names[0]} is", "p50", "p99", *again], rows)

    def batches(self, batches: Load) -> None:
        self._parts.append(
            f"A call with {MAX_BATCH:,} jobs (`jobs:batch`), two at a time: {MAX_BATCH * batches.rate:,.0f} jobs/s, "
            f"p50 {_milliseconds(batches.p50)}, p99 {_milliseconds(batches.p99)}. Aim: 20,000 jobs/s."
        )

    def histories(self, histories: list[History]) -> None:
        self._parts += [
            "## Lists over a long history",
            "One page by HTTP, one call after the other. Aim: 20 ms, however long the history. A finished job of "
            f"`simple_task` takes {histories[0].bytes_per_job:,.0f} bytes of Redis, indexes included; aim: 1,800.",
        ]
        rows = [
            [f"`{path}`", f"{history.jobs:,}", _milliseconds(times.p50), _milliseconds(times.p95)]
            for path in histories[0].lists
            for history in histories
            for times in [history.lists[path]]
        ]
        self._table(["", "finished jobs", "p50", "p95"], rows)
        self._parts.append(
            "The first paint of each page in a Chromium that runs and has nothing of the desk in its cache, medians of "
            f"{LOADS} loads. Aim: 300 ms."
        )
        names = [f"{history.jobs:,} jobs" for history in histories]
        paints = [
            [f"`{path}`", *(_milliseconds(history.paints[path]) for history in histories)]
            for path in histories[0].paints
        ]
        self._table(["", *names], paints or [["no Chromium is installed", *[""] * len(names)]])

    def watching(self, run: Watching) -> None:
        self._parts += [
            f"## {run.watchers:,} watchers of one job",
            "Event streams of one web process, on plain sockets. Memory is what the process has more with them, RSS. "
            "An event's way is from just before it is emitted until the last watcher has it; "
            "`GET /healthz` is asked meanwhile, again and again.",
        ]
        way = f"{run.last_median * 1e3:.0f} ms, at most {run.last_max * 1e3:.0f} ms"
        health = f"{run.health_p50 * 1e3:.1f} ms, p99 {run.health_p99 * 1e3:.1f} ms"
        self._table(["memory of each", "an event's way", "`/healthz`"], [[f"{run.memory / 1024:.1f} kB", way, health]])

    def write(self, file: Path = RESULTS) -> int:
        """Write what there is, and return the exit status: 1 if a part has failed."""
        file.write_text("\n\n".join(self._parts) + "\n")
        print(file.read_text())
        for name in self._failed:
            print(f"The part {name!r} has failed: its error is above.", file=sys.stderr)
        return 1 if self._failed else 0

    def _table(self, columns: list[str], rows: list[list[str]]) -> None:
        lines = [columns, ["---"] + ["--:"] * (len(columns) - 1), *rows]
        self._parts.append("\n".join(f"| {' | '.join(line)} |" for line in lines))


def _typical(loads: list[Load]) -> Load:
    """The median of each figure."""
    return Load(*(median(figures) for figures in zip(*map(astuple, loads), strict=True)))


def _milliseconds(seconds: float) -> str:
    return f"{seconds * 1e3:,.1f} ms"


def _times(ratio: float) -> str:
    return f"{ratio:.2f} ×"
