"""Jobs that ended before a scenario begins, so that Redis has something to load and to search."""

from __future__ import annotations

from redis import Redis

from taskdesk.jobs.job import Retention
from taskdesk.jobs.jobs import Jobs
from taskdesk.jobs.keys import JOBS, index_key, job_key, queue_key, registry_key, results_key, task_key
from tests.faults.catalog import CATALOG

PREFIX = "history-"  # of their ids: the verdict ignores them
_AT_ONCE = 5_000
_KEPT = Retention(result_ttl=7 * 86400, failure_ttl=7 * 86400)
# KEYS: the hash to copy, the registry, and the indexes by number. ARGV: first and last number, prefix of the ids.
_COPY = """
local now = redis.call('TIME')[1]
for n = ARGV[1], ARGV[2] do
  local id = ARGV[3] .. n
  local seq = redis.call('INCR', 'taskdesk:sequence')
  redis.call('COPY', KEYS[1], 'rq:job:' .. id)
  redis.call('HSET', 'rq:job:' .. id, 'td_seq', seq)
  redis.call('XADD', 'rq:results:' .. id, '*', 'type', 1, 'worker_name', 'w', 'return_value', 'ImRvbmUi',
    'execution_id', id)
  redis.call('ZADD', KEYS[2], now + 7 * 86400, id)
  for i = 3, #KEYS do redis.call('ZADD', KEYS[i], seq, id) end
end
"""


class History:
    """`bytes`: the memory that these jobs take in Redis."""

    def __init__(self) -> None:
        self.bytes = 0

    def load(self, redis: Redis, jobs: Jobs, count: int) -> None:
        """Add this many succeeded jobs: copies of one that the product wrote."""
        before = int(redis.info("memory")["used_memory"])
        job = jobs.submit(CATALOG.tasks["effect"], {"seconds": 0}, _KEPT)
        redis.lrem(queue_key(job.queue), 1, job.id)
        times = dict.fromkeys(("started_at", "ended_at", "last_heartbeat"), redis.hget(job_key(job.id), "created_at"))
        redis.hset(job_key(job.id), mapping={"status": "finished", "worker_name": "w", "td_result": '"text"', **times})
        indexes = JOBS, task_key("effect"), index_key(job.queue, "succeeded")
        for first in range(1, count + 1, _AT_ONCE):
            keys = job_key(job.id), registry_key("finished", job.queue), *indexes
            redis.eval(_COPY, len(keys), *keys, first, min(first + _AT_ONCE - 1, count), PREFIX)
        redis.delete(job_key(job.id), results_key(job.id))
        for index in (*indexes, index_key(job.queue, "queued")):
            redis.zrem(index, job.id)
        self.bytes = int(redis.info("memory")["used_memory"]) - before
