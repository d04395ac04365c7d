"""Measure how many jobs a web server accepts per second, and how long a client waits."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from bench.http_load import Load, load
from bench.redis_server import RedisServer
from bench.sites import Site, batch, taskdesk
from taskdesk.jobs.submission import MAX_BATCH

SECONDS = 2.0  # of one measurement


@dataclass(frozen=True)
class Submits:
    """One measurement of a site: `kept` with keep-alive connections, `new` with a new one for each request."""

    site: str
    kept: Load
    new: Load


def submits(server: RedisServer, sites: Sequence[Site], rounds: int) -> Iterator[Submits]:
    """Put a load on each site in turn, for this many rounds. All sites run all the time; those without load sleep.

    Each has a database of its own: requests that a load has left under way fill none of another.
    """
    server.client.flushall()
    with ExitStack() as running:
        urls = [server.database(number) for number in range(len(sites))]
        for site, url in zip(sites, urls, strict=True):
            running.enter_context(site.start(url))
        for _ in range(rounds):
            for site, url in zip(sites, urls, strict=True):
                site.prepare(url)
                kept = load(site.port, site.submit, SECONDS)
                yield Submits(site.name, kept, load(site.port, site.submit, SECONDS / 2, keep_alive=False))


def batches(server: RedisServer, folder: Path) -> Load:
    """Measure calls with MAX_BATCH jobs each, over two connections, to one web process of Taskdesk."""
    server.client.flushall()
    site = taskdesk(folder)
    site.prepare(server.url)
    with site.start(server.url):
        return load(site.port, batch(MAX_BATCH), SECONDS, connections=2)
