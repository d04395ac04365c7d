"""Measure lists and pages over a short and a long history of finished jobs, and the memory of a finished job in Redis.

The first jobs are real ones that a worker runs. All others are copies of one of them that Redis makes: of every key
with its id in the name, and of its place in every sorted set, under the number of a new job.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path

from redis import Redis

from bench.contenders import QUEUES, RETENTION, Taskdesk
from bench.drain import START_SECONDS
from bench.http_load import Load, load, request
from bench.paint import first_paints
from bench.redis_server import RedisServer
from bench.sites import INPUT, TASK, taskdesk
from taskdesk.jobs.catalog_reader import CatalogReader
from taskdesk.jobs.jobs import Jobs
from taskdesk.jobs.keys import JOBS

PATHS = ("/api/v1/jobs", "/api/v1/jobs?status=succeeded", "/finished_tasks", "/jobs", "/jobs?status=succeeded")
PAGES = ("/", "/tasks/simple_task", "/jobs", "/jobs?status=succeeded", "/queues", "/workers", "/docs")
REAL = 1_000
SECONDS = 2.0  # of one measurement
_AT_ONCE = 1_000

# KEYS: sorted sets that have the job. ARGV: its id, how many copies, and its keys.
_COPY = """
local id, copies = ARGV[1], tonumber(ARGV[2])
local number = redis.call('HGET', 'rq:job:' .. id, 'td_seq')
local dumps, ttls, scores = {}, {}, {}
for i = 3, #ARGV do dumps[i], ttls[i] = redis.call('DUMP', ARGV[i]), math.max(redis.call('PTTL', ARGV[i]), 0) end
for i, key in ipairs(KEYS) do scores[i] = redis.call('ZSCORE', key, id) end
for _ = 1, copies do
  local new = redis.call('INCR', 'taskdesk:sequence')
  local copy = string.format('%08x-0000-4000-8000-%012x', new, new)
  for i = 3, #ARGV do
    redis.call('RESTORE', string.sub(ARGV[i], 1, -1 - #id) .. copy, ttls[i], dumps[i])
  end
  redis.call('HSET', 'rq:job:' .. copy, 'td_seq', new)
  for i, key in ipairs(KEYS) do
    -- a place by number is the new number's; one by time is as much later as 3,000 jobs/s make it
    local score = scores[i] == number and new or math.floor(scores[i] + new / 3000)
    redis.call('ZADD', key, score, copy)
  end
end
"""


@dataclass(frozen=True)
class History:
    """The load times of each list, by path, with this many finished jobs.

    `paints`: seconds until a browser paints something of a page; empty without a browser.
    """

    jobs: int
    lists: dict[str, Load]
    paints: dict[str, float]
    bytes_per_job: float


def histories(server: RedisServer, worker: Taskdesk, folder: Path, jobs: int) -> list[History]:
    """Measure with REAL jobs, then with copies of one of them up to `jobs`."""
    server.client.flushall()
    site = taskdesk(folder)
    with site.start(server.url):
        site.prepare(server.url)
        empty = server.used_memory()
        _run_jobs(server, worker)
        short = _history(server, site.port, empty)
        _copy(server.client, jobs - REAL)
        return [short, _history(server, site.port, empty)]


def _run_jobs(server: RedisServer, worker: Taskdesk) -> None:
    Jobs(server.client, QUEUES).submit_many(CatalogReader(server.client).task(TASK), [INPUT] * REAL, RETENTION)
    deadline = time.monotonic() + START_SECONDS
    with worker.start(server.url, 1):
        while server.client.zcard("rq:finished:default") < REAL:
            if time.monotonic() > deadline:
                raise TimeoutError("the jobs do not end")
            time.sleep(0.1)


def _copy(redis: Redis, copies: int) -> None:
    job_id = _newest(redis)
    keys = [key.decode() for key in redis.scan_iter(f"*{job_id}", count=10_000)]
    places = [key.decode() for key in redis.scan_iter("*", count=10_000, _type="zset")]
    places = [key for key in places if redis.zscore(key, job_id) is not None]
    script = redis.register_script(_COPY)
    for start in range(0, copies, _AT_ONCE):
        script(keys=places, args=[job_id, min(_AT_ONCE, copies - start), *keys])


def _history(server: RedisServer, port: int, empty: int) -> History:
    jobs = server.client.zcard(JOBS)
    lists = {path: load(port, request("GET", path), SECONDS, connections=1) for path in PATHS}
    paints = first_paints(f"http://127.0.0.1:{port}", [*PAGES, f"/jobs/{_newest(server.client)}"])
    return History(jobs, lists, _without_id(paints), (server.used_memory() - empty) / jobs)


def _without_id(paints: dict[str, float]) -> dict[str, float]:
    return {path if path in PAGES else "/jobs/{id}": seconds for path, seconds in paints.items()}


def _newest(redis: Redis) -> str:
    [job_id] = redis.zrange(JOBS, -1, -1)
    return str(job_id.decode())
