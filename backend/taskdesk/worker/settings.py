"""The settings of the worker."""

from __future__ import annotations

from ipaddress import ip_network
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, Field, SecretStr, ValidationInfo, field_validator
from pydantic_settings import NoDecode

from taskdesk.service.networks import Network
from taskdesk.service.settings import AppUrl, Seconds, SharedSettings, split_commas
from taskdesk.worker.deliverer.secrets import read_secrets


def _is_number_of_gpus(value: str) -> str:
    if value in ("", "auto") or (value.isascii() and value.isdigit() and 1 <= int(value[:6]) <= 1024):
        return value
    raise ValueError("it has to be auto, a number from 1 to 1024, or empty")


def _networks(value: Any) -> Any:
    try:
        return tuple(map(ip_network, split_commas(value)))
    except ValueError as error:
        raise ValueError(f"{error}; an example is 10.1.0.0/16") from None


Packages = Annotated[tuple[str, ...], NoDecode, BeforeValidator(split_commas), Field(min_length=1)]


class WorkerSettings(SharedSettings):
    tasks: Packages = Field(
        ("tasks",),
        description="Packages whose public functions are the tasks, separated by commas: the name of each, if Python "
        "finds it from the current folder, or its folder, such as `./tasks`.",
    )
    worker_group: Annotated[str, Field(pattern=r"^([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)?$")] = Field(
        "",
        description="Name of the group of workers with the same `TASKS` and `QUEUES`, such as `gpu`: small letters, "
        "digits and hyphens. Its tasks are offered also while none of its workers is online. Empty: no group.",
    )
    workers: int = Field(2, ge=1, le=256, description="Number of worker processes.")
    gpus: Annotated[str, AfterValidator(_is_number_of_gpus)] = Field(
        "",
        description="Number of NVIDIA GPUs that the worker processes share, or `auto` for all: each process sees one "
        "of them, by `CUDA_VISIBLE_DEVICES`. Empty: the variable is left alone.",
    )
    worker_metrics: Annotated[str, Field(pattern=r"^([^\s:]+:[0-9]{1,5})?$")] = Field(
        "", description="`host:port` where the worker serves `/metrics`, such as `0.0.0.0:9102`. Empty: nowhere."
    )
    job_timeout: Seconds = Field(180, description="Seconds that a job may run if its task sets no `timeout`.")
    stop_grace: Seconds = Field(
        8,
        description="Seconds that a running job has to end when its worker is stopped; then the job is requeued.",
    )
    stop_limit: Seconds = Field(
        3600,
        validate_default=True,
        description="Most seconds that a task may ask for instead of `STOP_GRACE`, with `@task(grace=…)`.",
    )
    foreign_ttl: Seconds = Field(
        86400, description="Seconds that a job waits for a worker that serves its task; then the job fails."
    )
    max_result_bytes: int = Field(
        10_000_000, ge=1, description="Largest result in bytes, as JSON. The limit does not apply to files."
    )
    max_jobs: int = Field(
        1_000_000, ge=1, description="Number of ended jobs that are kept. Beyond it, the oldest are removed early."
    )
    job_memory: int = Field(
        0, ge=0, description="MB of memory that a job may take beyond what its process had before. 0: no limit."
    )
    job_cpu: int = Field(0, ge=0, description="Seconds of CPU time that a job may use. 0: no limit.")
    job_file_size: int = Field(0, ge=0, description="Largest file in MB that a job may write. 0: no limit.")
    recycle_jobs: int = Field(
        10_000, ge=1, description="Number of jobs after which the process that runs them (the child) is replaced."
    )
    recycle_memory: int = Field(
        1_000, ge=1, description="MB of memory above which the process that runs jobs is replaced after its job."
    )

    webhook_secrets: SecretStr = Field(
        SecretStr(""),
        description="Secret that signs the messages to webhooks: `whsec_` and the base64 of 32 random bytes. While the "
        "receivers change to a new one: the new one, a comma, and the one before. Empty: messages that have to be "
        "signed wait.",
    )
    webhook_networks: Annotated[tuple[Network, ...], NoDecode, BeforeValidator(_networks)] = Field(
        (),
        description="Networks that webhooks may reach besides the public internet, separated by commas, such as "
        "`10.1.0.0/16`.",
    )
    app_url: AppUrl = ""

    @property
    def secrets(self) -> list[str]:
        return read_secrets(self.webhook_secrets.get_secret_value())

    @field_validator("webhook_secrets")
    @classmethod
    def _is_list_of_secrets(cls, value: SecretStr) -> SecretStr:
        read_secrets(value.get_secret_value())
        return value

    @field_validator("stop_limit")
    @classmethod
    def _is_not_below_the_default(cls, value: int, info: ValidationInfo) -> int:
        if value < info.data.get("stop_grace", 0):
            raise ValueError(f"it has to be at least STOP_GRACE, which is {info.data['stop_grace']}")
        return value
