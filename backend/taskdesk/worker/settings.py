"""The settings of the worker."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from taskdesk.service.settings import Seconds, SharedSettings


class WorkerSettings(SharedSettings):
    tasks: str = Field("tasks", description="the package of tasks; your own may live anywhere on the import path")
    workers: int = Field(2, ge=1, le=256, description="worker processes")
    worker_metrics: Annotated[str, Field(pattern=r"^([^\s:]+:[0-9]{1,5})?$")] = Field(
        "", description="`host:port` where the worker answers `/metrics`, such as `0.0.0.0:9102`; empty: nowhere"
    )
    job_timeout: Seconds = Field(180, description="seconds that a job may run, if its task sets no limit")
    stop_grace: Seconds = Field(
        8,
        description="seconds that a running job has to end when its worker is stopped; then it goes back to its queue",
    )
    foreign_ttl: Seconds = Field(
        86400, description="seconds that a job waits for a worker that serves its task; then it fails"
    )
    max_result_bytes: int = Field(10_000_000, ge=1, description="the largest result that is no file, as JSON")
    max_jobs: int = Field(1_000_000, ge=1, description="how many ended jobs are kept; beyond that the oldest go early")
    job_memory: int = Field(0, ge=0, description="MB of memory that a job may add to its process; 0: no limit")
    job_cpu: int = Field(0, ge=0, description="seconds of CPU time that a job may use; 0: no limit")
    job_file_size: int = Field(0, ge=0, description="MB that a file of a job may have; 0: no limit")
    recycle_jobs: int = Field(10_000, ge=1, description="jobs after which a worker's child process is replaced")
    recycle_memory: int = Field(1_000, ge=1, description="MB of memory above which it is replaced after its job")
