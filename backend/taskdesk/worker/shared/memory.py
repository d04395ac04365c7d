"""All that supervisor and child map."""

from __future__ import annotations

from typing import NamedTuple

from taskdesk.jobs.catalog import Catalog
from taskdesk.worker.shared.activity import Activity
from taskdesk.worker.shared.checkpoint_memory import CheckpointMemory
from taskdesk.worker.shared.foreign_jobs import ForeignJobs
from taskdesk.worker.shared.meters import Row
from taskdesk.worker.shared.output_buffer import OutputBuffer


class SharedMemory(NamedTuple):
    activity: Activity
    meters: Row
    output: OutputBuffer
    foreign: ForeignJobs
    checkpoints: CheckpointMemory

    def serve(self, catalog: Catalog) -> None:
        """The worker serves these tasks. Call it in the supervisor before each child, and in the child."""
        self.foreign.serve(catalog)
        self.meters.serve(catalog.by_reference)
