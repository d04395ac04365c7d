"""The successes that Redis has to end: collected here, and sent with the next reservation (lua/succeed.lua).

Among short jobs Redis ends several at a time (prefetch.py). Until then it has them in the journal of the worker: the
child appends each before the next job begins, and waits for no answer. So whatever dies, no success is lost, and
whoever settles the jobs of this worker knows which have ended and which one has begun (lua/journal.lua).
"""

from __future__ import annotations

from collections.abc import Sequence

from hiredis import pack_command

from taskdesk.jobs.keys import journal_key
from taskdesk.worker.child.reserved_job import EndedJob
from taskdesk.worker.child.script_connection import PackedValues, ScriptConnection
from taskdesk.worker.success import SUCCESS_VALUES, Success

_HEAD = len(b"*%d\r\n" % SUCCESS_VALUES)


class Successes:
    def __init__(self, connection: ScriptConnection, worker_name: str):
        self._connection = connection
        self._journal = journal_key(worker_name)
        self._jobs: list[EndedJob] = []
        self._packed: list[bytes] = []
        self.sent: Sequence[EndedJob] = ()

    def add(self, ended: EndedJob) -> None:
        job = ended.job
        success = Success(
            *(job.id, job.execution, job.queue, ended.content, job.result_ttl, ended.kinds),
            *(ended.began, ended.ended, ended.preview),
        )
        self._jobs.append(ended)
        self._packed.append(pack_command(success.values)[_HEAD:])

    def note_last(self) -> bool:
        """Append the last one to the journal. Return False if Redis is away: then it has to be ended first."""
        return self._connection.tell("APPEND", self._journal, self._packed[-1])

    def values(self) -> PackedValues:
        """Return the values of those that were added, for cycle.lua."""
        return PackedValues(SUCCESS_VALUES * len(self._jobs), b"".join(self._packed))

    def are_sent(self) -> None:
        """Those that were added are on their way to Redis. Those before them must be confirmed."""
        self.sent, self._jobs, self._packed = self._jobs, [], []
