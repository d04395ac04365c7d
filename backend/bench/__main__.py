"""Run the benchmarks of the worker and of the web, and write bench/RESULTS.md: `make bench`.

All contenders run in turns on one Redis, so that other load of the machine affects all of them. The medians count.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

from bench.contenders import Taskdesk, contenders
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


def main() -> None:
    with tempfile.TemporaryDirectory() as name, RedisServer(Path(name)) as server:
        folder = Path(name)
        everyone = contenders(folder)
        taskdesk = everyone[0]
        assert isinstance(taskdesk, Taskdesk)
        report = Report(server.version)

        drains: dict[tuple[str, int], list[Drain]] = {}
        for number in range(1, ROUNDS + 1):
            for processes in (1, 2):
                for contender in everyone:
                    done = drain(server, contender, processes, processes * contender.jobs)
                    drains.setdefault((contender.name, processes), []).append(done)
                    print(f"round {number}: {contender.name}, {processes}: {done.rate:,.0f} jobs/s", flush=True)
        report.drains(drains)
        report.latencies({contender.name: latency(server, contender, LATENCY_JOBS) for contender in everyone})
        report.traffic(
            {
                contender.name: traffic(server, contender, min(contender.jobs, TRAFFIC_JOBS))
                for contender in everyone[:2]
            },
            {queues: idle_traffic(server, taskdesk, queues, IDLE_SECONDS) for queues in (1, 3, 12)},
        )
        report.endurance(endurance(server, taskdesk, ENDURANCE_JOBS))
        report.submits(list(submits(server, sites(folder), ROUNDS)), batches(server, folder))
        report.histories(histories(server, taskdesk, folder, HISTORY_JOBS))
        report.watching(watching(server, Path(name)))
        report.write()


if __name__ == "__main__":
    main()
