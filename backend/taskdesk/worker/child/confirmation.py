"""Before a job of a task with `at_most_once` begins, replicas have to know: else it begins again after a failover."""

from __future__ import annotations

from collections.abc import Collection

from taskdesk.jobs.replication import WAIT_MS
from taskdesk.worker.child.reservation import ReservedJob
from taskdesk.worker.child.script_connection import ScriptConnection
from taskdesk.worker.job_data import reference_of

_TRIES = 4  # of WAIT_MS; then the next child asks Redis whether the job is still this worker's


class Confirmation:
    """`replicas`: how many have to confirm (REDIS_WAIT). `references`: of the tasks whose jobs have to be confirmed."""

    def __init__(self, connection: ScriptConnection, replicas: int, references: Collection[str]):
        self._connection = connection
        self._replicas = replicas
        self._references = references if replicas else ()

    def is_given(self, job: ReservedJob) -> bool:
        """Return False if the job must not begin now. The reservation was the last command of the connection."""
        if not self._references or reference_of(job.data) not in self._references:
            return True
        return any(self._connection.wait_for_replicas(self._replicas, WAIT_MS) >= self._replicas for _ in range(_TRIES))
