"""Compare the speed of two checkouts of this project in one interleaved run: `python -m bench.compare OLD [NEW]`.

Every measurement runs in a process of its own: the code, the benchmarks and the virtual environment of its checkout
(`make .venv/dev.stamp`).
The checkouts take turns, and each round changes the order, so that other load of the machine affects both.
Both use a bytecode cache of this run, which an uncounted first run fills. Without one, a process compiles its modules
at the start, and has freed memory left that its watchers fill: RSS grows by 1.8 kB for each of them, and not by 4 kB.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import tempfile
from collections.abc import Callable
from pathlib import Path
from statistics import median, quantiles

from bench.contenders import Taskdesk
from bench.drain import drain
from bench.processes import BACKEND
from bench.redis_server import RedisServer
from bench.sites import taskdesk
from bench.submits import submits
from bench.watchers import watching

WATCHERS, EVENTS = 2_000, 10

Figures = dict[str, float]  # by name; in all of them less is better


def _drain(server: RedisServer, folder: Path) -> Figures:
    contender = Taskdesk(folder)
    done = drain(server, contender, 1, contender.jobs)
    return {"drain: µs per job": 1e6 / done.rate, "drain: µs of the worker's CPU per job": done.cpu * 1e6}


def _submit(server: RedisServer, folder: Path) -> Figures:
    [run] = submits(server, [taskdesk(folder)], 1)
    return {
        "submit: µs per job": 1e6 / run.kept.rate,
        "submit: µs per job, each on a new connection": 1e6 / run.new.rate,
    }


def _watch(server: RedisServer, folder: Path) -> Figures:
    run = watching(server, folder, WATCHERS, EVENTS)
    return {
        "watchers: ms until the last one has an event": run.last_median * 1e3,
        "watchers: kB each": run.memory / 1024,
    }


BENCHMARKS: dict[str, Callable[[RedisServer, Path], Figures]] = {"drain": _drain, "submit": _submit, "watchers": _watch}


def _measure(name: str) -> None:
    """Run one benchmark in this process, and print its figures as JSON."""
    with tempfile.TemporaryDirectory() as folder, RedisServer(Path(folder)) as server:
        print(json.dumps(BENCHMARKS[name](server, Path(folder))))


def _measured(checkout: Path, name: str, bytecode: Path) -> Figures:
    """Run a benchmark on a checkout. -P keeps the folder of this file off the path of imports."""
    command = [str(checkout / ".venv/bin/python"), "-P", __file__, "--measure", name, str(checkout)]
    environment = {
        **os.environ,
        "PYTHONPATH": str(checkout / "backend"),
        "PYTHONPYCACHEPREFIX": str(bytecode),
        "PYTHONDONTWRITEBYTECODE": "",
    }
    done = subprocess.run(command, cwd=checkout, env=environment, stdout=subprocess.PIPE, text=True, check=True)
    figures: Figures = json.loads(done.stdout)
    return figures


def _compare(old: Path, new: Path, names: list[str], rounds: int, bytecode: Path) -> None:
    for name in names:
        for checkout in (old, new):
            _measured(checkout, name, bytecode)
        runs: dict[Path, list[Figures]] = {old: [], new: []}
        for number in range(rounds):
            for checkout in (old, new) if number % 2 else (new, old):
                runs[checkout].append(_measured(checkout, name, bytecode))
        for figure in runs[old][0]:
            _show(figure, [run[figure] for run in runs[old]], [run[figure] for run in runs[new]])


def _show(figure: str, old: list[float], new: list[float]) -> None:
    """Print the medians, and the median and quartiles of the ratios per round: above 1, the new checkout is slower."""
    ratios = [after / before for before, after in zip(old, new, strict=True)]
    first, _, third = quantiles(ratios, n=4, method="inclusive")
    spread = f"new/old {median(ratios):.3f} (quartiles {first:.3f} to {third:.3f})"
    print(f"{figure:<50} old {median(old):9,.1f}   new {median(new):9,.1f}   {spread}", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.compare", description=__doc__)
    parser.add_argument("old", type=Path, help="a checkout")
    parser.add_argument("new", type=Path, nargs="?", default=BACKEND.parent, help="a checkout (default: this one)")
    parser.add_argument("--rounds", type=int, default=9, help="at least 2 (default: 9)")
    parser.add_argument("--only", choices=BENCHMARKS, action="append", help="a benchmark (default: all)")
    parser.add_argument("--measure", choices=BENCHMARKS, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.measure:
        assert arguments.old / "backend" == BACKEND, f"{BACKEND} would be measured instead of {arguments.old}"
        _measure(arguments.measure)
    else:
        old, new = arguments.old.resolve(), arguments.new.resolve()
        with tempfile.TemporaryDirectory() as bytecode:
            _compare(old, new, arguments.only or list(BENCHMARKS), max(arguments.rounds, 2), Path(bytecode))


if __name__ == "__main__":
    main()
