"""The page of the workers: which are online, what they run, and on which version."""

from __future__ import annotations

from collections import Counter, defaultdict

from flask import Blueprint, render_template

from taskdesk.jobs.workers import read_workers
from taskdesk.web.context import desk


def add_routes(bp: Blueprint) -> None:
    bp.get("/workers")(list_workers)


def list_workers() -> str:
    announced = desk().catalog.read(max_age=0)
    workers = read_workers(desk().redis, (worker.name for worker in announced.workers))
    catalogs = defaultdict(set)
    for worker in workers:
        if worker.catalog:
            catalogs[worker.group].add(worker.catalog)
    return render_template(
        "workers.html",
        workers=sorted(workers, key=lambda worker: (worker.hostname, worker.pid)),
        states=Counter(worker.state for worker in workers),
        catalogs=catalogs,
        announced=announced,
    )
