"""Run the benchmarks of the worker and of the web, and write bench/RESULTS.md: `make bench`.

All contenders run in turns on one Redis, so that other load of the machine affects all of them. The medians count.
A part that fails is named in the results, which have all others. Then the exit status is 1.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path

from bench.contenders import Taskdesk, contenders, peers_versions
from bench.drain import Drain, drain
from bench.endurance import endurance
from bench.history import histories
from bench.latency import latency
from bench.redis_server import RedisServer
from bench.report import Report
from bench.sites import sites
from bench.submits import batches, submits
from bench.traffic import idle_traffic, traffic
from bench.watchers import watching

ROUNDS = 5
LATENCY_JOBS = 100
TRAFFIC_JOBS = 5_000
ENDURANCE_JOBS = 100_000
IDLE_SECONDS = 20.0
HISTORY_JOBS = 1_000_000

Part = Callable[[RedisServer, Path, Report], None]  # measures, and adds to the report


def _drains(server: RedisServer, folder: Path, report: Report) -> None:
    everyone = contenders(folder)
    drains: dict[tuple[str, int], list[Drain]] = {}
    for number in range(1, ROUNDS + 1):
        for processes in (1, 2):
            for contender in everyone:
                done = drain(server, contender, processes, processes * contender.jobs)
                drains.setdefault((contender.name, processes), []).append(done)
                print(f"round {number}: {contender.name}, {processes}: {done.rate:,.0f} jobs/s", flush=True)
    report.drains(drains)


def _latencies(server: RedisServer, folder: Path, report: Report) -> None:
    report.latencies({one.name: latency(server, one, LATENCY_JOBS) for one in contenders(folder)})


def _traffic(server: RedisServer, folder: Path, report: Report) -> None:
    per_job = {one.name: traffic(server, one, min(one.jobs, TRAFFIC_JOBS)) for one in contenders(folder)[:2]}
    idle = {queues: idle_traffic(server, Taskdesk(folder), queues, IDLE_SECONDS) for queues in (1, 3, 12)}
    report.traffic(per_job, idle)


PARTS: Mapping[str, Part] = {
    "Drain": _drains,
    "From submit to start": _latencies,
    "Traffic with Redis": _traffic,
    "Endurance": lambda server, folder, report: report.endurance(endurance(server, Taskdesk(folder), ENDURANCE_JOBS)),
    "Submits by HTTP": lambda server, folder, report: report.submits(list(submits(server, sites(folder), ROUNDS))),
    "Batches by HTTP": lambda server, folder, report: report.batches(batches(server, folder)),
    "Lists over a long history": lambda server, folder, report: report.histories(
        histories(server, Taskdesk(folder), folder, HISTORY_JOBS)
    ),
    "Watchers": lambda server, folder, report: report.watching(watching(server, folder)),
}


def run_parts(parts: Mapping[str, Part], server: RedisServer, folder: Path, report: Report) -> None:
    """Run each part on an empty Redis. What one leaves behind slows no other, and its failure costs only itself."""
    for name, part in parts.items():
        with report.part(name):
            server.client.flushall()
            part(server, folder, report)


def main() -> int:
    with tempfile.TemporaryDirectory() as name, RedisServer(Path(name)) as server:
        report = Report(server.version, peers_versions())
        run_parts(PARTS, server, Path(name), report)
    return report.write()


if __name__ == "__main__":
    sys.exit(main())
