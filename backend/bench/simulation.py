"""Workers that run no task: they take jobs from Redis, wait as long as a job would take, and end them.

What they send for a job is made by the worker's own code, so one process is as much work for Redis as hundreds of real
workers, which a machine would need many cores for. They send no heartbeats.

`python -m gevent.monkey --module bench.simulation URL WORKERS SECONDS EVENTS` runs this many until it is ended. Each
job takes SECONDS and reports its progress EVENTS times.
"""

from __future__ import annotations

import sys
import time

import gevent
from redis import Redis

from bench.contenders import QUEUES
from bench.steps import report_progress
from taskdesk.jobs.keys import queue_key
from taskdesk.service import clock
from taskdesk.worker.child.queue_order import QueueOrder
from taskdesk.worker.child.reservation import EndedJob, ReservedJob, Reserver
from taskdesk.worker.child.script_connection import ScriptConnection
from taskdesk.worker.child.state import ChildState
from taskdesk.worker.settings import WorkerSettings
from taskdesk.worker.shared.activity import Activity
from taskdesk.worker.shared.checkpoint_memory import CheckpointMemory
from taskdesk.worker.shared.foreign_jobs import ForeignJobs
from taskdesk.worker.shared.memory import SharedMemory
from taskdesk.worker.shared.meters import Meters
from taskdesk.worker.shared.output_buffer import OutputBuffer

IDLE_SECONDS = 1.0  # until a worker without a job looks for one
ANSWER_SECONDS = 30


class SimulatedWorker:
    def __init__(self, url: str, number: int, shared: SharedMemory, job_seconds: float, events: int):
        self._redis = Redis.from_url(url)
        self._seconds, self._events = job_seconds, events
        name = f"simulated-{number}"
        self._redis.hset(f"rq:worker:{name}", mapping={"birth": time.time(), "queues": ",".join(QUEUES)})
        settings = WorkerSettings(_env_file=None, redis_url=url)
        state = ChildState()
        self._connection = ScriptConnection(self._redis, ANSWER_SECONDS, state.may_give_up, shared.activity.show_life)
        order = QueueOrder([queue_key(queue) for queue in QUEUES])
        self._reserver = Reserver(settings, self._connection, name, order, shared, state)

    def run(self) -> None:
        ended: EndedJob | None = None
        while True:
            job = self._reserver.reserve(ended).job
            ended = self._work(job) if job else None
            if not job:
                gevent.sleep(IDLE_SECONDS)

    def _work(self, job: ReservedJob) -> EndedJob:
        began = clock.now()
        for number in range(self._events):
            gevent.sleep(self._seconds / self._events)
            report_progress(self._redis, job.id, number, self._events)
        if not self._events:
            gevent.sleep(self._seconds)
        return EndedJob(job, "bench.tasks.count", began, clock.now(), self._seconds, b"1", "json")


def main(url: str, workers: int, job_seconds: float, events: int) -> None:
    meters, output, checkpoints = Meters(1).rows[0], OutputBuffer(), CheckpointMemory()
    started = []
    for number in range(workers):
        shared = SharedMemory(Activity(QUEUES), meters, output, ForeignJobs(), checkpoints)
        started.append(gevent.spawn(SimulatedWorker(url, number, shared, job_seconds, events).run))
    gevent.joinall(started, raise_error=True)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), float(sys.argv[3]), int(sys.argv[4]))
