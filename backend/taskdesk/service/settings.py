"""Settings: read once when a process starts, frozen, and handed to whoever needs them.

The order, first wins: arguments, environment, the file that `FLASK_CONFIG` names (YAML or JSON), `.env`, the files of
`/run/secrets` (each has the name of a setting, and holds its value), defaults.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

import yaml
from pydantic import BeforeValidator, Field, SecretStr, ValidationError
from pydantic_core import ErrorDetails
from pydantic_settings import (
    BaseSettings,
    NoDecode,
    PydanticBaseSettingsSource,
    SecretsSettingsSource,
    SettingsConfigDict,
)

from taskdesk.service.errors import SettingsError

_CLONE = Path(__file__).resolve().parents[3]
ROOT = _CLONE if (_CLONE / "docker-compose.yml").exists() else Path.cwd()  # of `.env` and of relative paths
SECRETS = Path("/run/secrets")  # where Docker and Kubernetes put them
QUEUE_NAME = r"^[0-9A-Za-z_-]{1,64}$"


def split(value: Any) -> Any:
    return tuple(part.strip() for part in value.split(",") if part.strip()) if isinstance(value, str) else value


def _from_root(value: Any) -> Any:
    return ROOT / value if isinstance(value, str | Path) else value


QueueNames = Annotated[
    tuple[Annotated[str, Field(pattern=QUEUE_NAME)], ...], NoDecode, BeforeValidator(split), Field(min_length=1)
]
Port = Annotated[int, Field(ge=1, le=65535)]
Seconds = Annotated[int, Field(ge=1)]


class SharedSettings(BaseSettings):
    """What web, worker and dashboard agree on."""

    model_config = SettingsConfigDict(frozen=True, extra="ignore", env_file=ROOT / ".env", env_ignore_empty=True)

    env: Literal["dev", "prod"] = Field(
        "dev", description="`prod`: logs as JSON, no reload, no start with what is not safe"
    )
    redis_url: SecretStr = Field(
        SecretStr("redis://127.0.0.1:6379/0"),
        description="your own Redis or Valkey (≥ 6.2); unset, `make run` starts one",
    )
    data_dir: Annotated[Path, BeforeValidator(_from_root)] = Field(
        Path("data"), validate_default=True, description="where uploads, results and the embedded Redis live"
    )
    queues: QueueNames = Field(("high", "default", "low"), description="the queues, most urgent first")
    result_ttl: Seconds = Field(7 * 86400, description="seconds that a succeeded job is kept")
    failure_ttl: Seconds = Field(30 * 86400, description="seconds that a failed job is kept")
    max_queued: int = Field(100_000, ge=1, description="jobs that may wait in a queue, scheduled ones included")
    sentry_dsn: SecretStr = Field(SecretStr(""), description="where Sentry takes unexpected errors; empty: nowhere")
    log_dir: str = Field("", description="the folder of `web.log`, `worker.log` and `dashboard.log`; empty: stdout")

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        sources = init_settings, env_settings, _NamedFile(settings_cls), dotenv_settings
        return (*sources, SecretsSettingsSource(settings_cls, SECRETS)) if SECRETS.is_dir() else sources


Settings = TypeVar("Settings", bound=SharedSettings)


def load(settings_class: type[Settings], **overrides: Any) -> Settings:
    """Read the settings of one role.

    Raises SettingsError, which names everything that is wrong at once.
    """
    try:
        return settings_class(**overrides)
    except ValidationError as error:
        # A default that depends on a setting that is wrong can't be told: only the wrong one is named.
        wrong = [e for e in error.errors() if e["type"] != "default_factory_not_called"]
        raise SettingsError([_sentence(settings_class, e) for e in wrong]) from None


def _sentence(settings_class: type[Settings], error: ErrorDetails) -> str:
    name = ".".join(map(str, error["loc"]))
    field = settings_class.model_fields.get(name)
    is_secret = field is not None and field.annotation is SecretStr
    return f"{name.upper()}: {error['msg']}" + ("" if is_secret else f" (it is {error['input']!r})")


def load_settings_or_exit(settings_class: type[Settings]) -> Settings:
    """As `load`; on an error it prints the sentences and ends the process with status 2."""
    try:
        return load(settings_class)
    except SettingsError as error:
        print(error, file=sys.stderr)
        raise SystemExit(2) from None


class _NamedFile(PydanticBaseSettingsSource):
    def get_field_value(self, field: Any, field_name: str) -> tuple[Any, str, bool]:
        raise NotImplementedError  # only __call__ is used

    def __call__(self) -> dict[str, Any]:
        return read_named_file()


def read_named_file() -> dict[str, Any]:
    """The settings, by their names in lower case, of the file that the environment variable FLASK_CONFIG names."""
    name = os.environ.get("FLASK_CONFIG")
    if not name:
        return {}
    try:
        content = yaml.safe_load(Path(name).read_text(encoding="utf-8"))  # JSON is YAML, too
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise SettingsError([f"FLASK_CONFIG names {name}, which can't be read: {error}"]) from None
    if not isinstance(content, dict):
        raise SettingsError([f"FLASK_CONFIG names {name}, which is no mapping of settings to values."])
    return {str(key).lower(): value for key, value in content.items()}
