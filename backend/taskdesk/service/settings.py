"""Settings: read once when a program starts, frozen, and passed to the code that needs them.

The first source that has a setting wins: arguments, environment, the file that `FLASK_CONFIG` names (YAML or JSON),
`.env`, files in `/run/secrets` (each has the name of a setting and holds its value), defaults.
"""

from __future__ import annotations

import os
import re
import sys
import zoneinfo
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

import yaml
from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    SecretStr,
    ValidationError,
    field_validator,
    model_validator,
)
from pydantic_core import ErrorDetails
from pydantic_settings import (
    BaseSettings,
    NoDecode,
    PydanticBaseSettingsSource,
    SecretsSettingsSource,
    SettingsConfigDict,
)

from taskdesk.service.errors import SettingsError
from taskdesk.service.key_prefix import RQ_KEY_PREFIX
from taskdesk.service.object_store import (
    Artifacts,
    Endpoint,
    KeyId,
    Region,
    SecretKey,
    SessionToken,
    check_access,
    place_of,
)
from taskdesk.service.redis_url import RedisWait, check_redis_url

_CLONE = Path(__file__).resolve().parents[3]
IS_CLONE = (_CLONE / "docker-compose.yml").exists()  # else pip has installed the package
ROOT = _CLONE if IS_CLONE else Path.cwd()  # of `.env` and of relative paths
SECRETS_FOLDER = Path("/run/secrets")  # where Docker and Kubernetes put secrets
_POSIX_ZONE = re.compile(r"([A-Za-z]{3,}|<[A-Za-z0-9+-]{3,}>)[+-]?\d")  # with an offset, such as CET-1CEST
QUEUE_NAME = r"^[0-9A-Za-z_-]{1,64}$"


def split_commas(value: Any) -> Any:
    return tuple(part.strip() for part in value.split(",") if part.strip()) if isinstance(value, str) else value


def _without_repetition(names: tuple[str, ...]) -> tuple[str, ...]:
    for name in names:
        if names.count(name) > 1:
            raise ValueError(f"it names {name!r} twice")
    return names


def _from_root(value: Any) -> Any:
    return ROOT / value if isinstance(value, str | Path) else value


def _can_be_linked_to(address: str) -> str:
    if address and not re.match(r"(https?:/)?/[^\s/]", address):
        raise ValueError("it has to begin with http:// or https://, or to be a path such as /rq/")
    return address


QueueNames = Annotated[
    tuple[Annotated[str, Field(pattern=QUEUE_NAME)], ...],
    NoDecode,
    BeforeValidator(split_commas),
    AfterValidator(_without_repetition),
    Field(min_length=1),
]
Port = Annotated[int, Field(ge=1, le=65535)]
Seconds = Annotated[int, Field(ge=1)]

# Settings of several programs.
Auth = Annotated[
    bool,
    Field(
        default_factory=lambda values: values.get("env") == "prod",
        validate_default=True,
        description="Require a login or a token. Can be off only with `ENV=dev`, where that is the default.",
    ),
]
DashboardPassword = Annotated[
    SecretStr,
    Field(
        description="Password for the login to rq-dashboard: at least 12 bytes. Empty: no login, which only `ENV=dev` "
        "without `AUTH=on` allows."
    ),
]
AppHost = Annotated[str, Field(description="Address that the web listens on; `0.0.0.0` for all.")]
AppPort = Annotated[Port, Field(description="Port of the pages and the API.")]
DashboardPort = Annotated[Port, Field(description="Port of rq-dashboard.")]
DashboardUrl = Annotated[
    str,
    AfterValidator(_can_be_linked_to),
    Field(description="Address of rq-dashboard, for the link to it. Empty: no link."),
]

AppUrl = Annotated[
    str,
    AfterValidator(_can_be_linked_to),
    Field(
        description="Address of Taskdesk, for the links from rq-dashboard and in messages to webhooks. Not set: "
        "`APP_PORT` on this machine; in such messages, links without a host."
    ),
]


class SharedSettings(BaseSettings):
    """The settings that web, worker, rq-dashboard and command line share."""

    model_config = SettingsConfigDict(frozen=True, extra="ignore", env_file=ROOT / ".env", env_ignore_empty=True)

    env: Literal["dev", "prod"] = Field(
        "dev",
        description="`dev`: readable logs, no login, edited code is reloaded. `prod`: logs as JSON, a login, and no "
        "start with unsafe settings.",
    )
    redis_url: SecretStr = Field(
        SecretStr("redis://127.0.0.1:6379/0"),
        description="Address of your own Redis (≥ 6.2) or Valkey, also with TLS or Sentinel: see `docs/redis.md`. Not "
        "set: `make run` and `taskdesk run` start one.",
    )
    redis_wait: RedisWait = 0
    rq_key_prefix: str = Field(
        "rq",
        validate_default=True,
        pattern=r"^[A-Za-z0-9_.:{}-]+$",  # what RQ allows
        description="What the names of all keys in Redis begin with, as for RQ ≥ 3. RQ reads it from the environment "
        "of each process, never from a file. RQ 2 knows only `rq`.",
    )
    data_dir: Annotated[Path, BeforeValidator(_from_root)] = Field(
        Path("data"),
        validate_default=True,
        description="Folder of the uploads, of the files that jobs return, and of the Redis that starts if `REDIS_URL` "
        "is not set. Web, workers and command line share it.",
    )
    artifacts: Artifacts = ""
    aws_endpoint_url: Endpoint = ""
    aws_region: Region = "us-east-1"
    aws_access_key_id: KeyId = ""
    aws_secret_access_key: SecretKey = SecretStr("")
    aws_session_token: SessionToken = SecretStr("")
    queues: QueueNames = Field(
        ("high", "default", "low"), description="Names of the queues, separated by commas, the most urgent first."
    )
    result_ttl: Seconds = Field(7 * 86400, description="Seconds that a succeeded job is kept.")
    failure_ttl: Seconds = Field(30 * 86400, description="Seconds that a failed job is kept.")
    max_queued: int = Field(
        100_000, ge=1, description="Jobs that may wait in one queue, scheduled ones included. Further submits get 429."
    )
    sentry_dsn: SecretStr = Field(
        SecretStr(""), description="Address (DSN) at which Sentry receives unexpected errors. Empty: nothing is sent."
    )
    alerts_file: str = Field(
        "",
        description="File (TOML) with the channels that alerts go to, and with rules; `docs/alerts.md` explains it. "
        "Web, workers and command line read the same one. Empty: no alerts.",
    )
    log_dir: str = Field(
        "",
        description="Folder of the log files `web.log`, `worker.log` and `dashboard.log`, and of `cli.log`, the audit "
        "log of the command line. Empty: programs log to stdout, and the command line writes no audit log.",
    )

    @field_validator("redis_url")
    @classmethod
    def _is_an_address(cls, value: SecretStr) -> SecretStr:
        check_redis_url(value.get_secret_value())
        return value

    @model_validator(mode="after")
    def _has_a_usable_bucket(self) -> SharedSettings:
        if place_of(self.artifacts):  # else these settings are for other programs
            check_access(self.aws_endpoint_url, self.aws_access_key_id, self.aws_secret_access_key)
        return self

    @field_validator("rq_key_prefix")
    @classmethod
    def _is_the_one_that_rq_has_read(cls, value: str) -> str:
        if value != RQ_KEY_PREFIX:
            raise ValueError(f"set it in the environment of every process, where it is {RQ_KEY_PREFIX!r} now")
        return value

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
        return (*sources, SecretsSettingsSource(settings_cls, SECRETS_FOLDER)) if SECRETS_FOLDER.is_dir() else sources


Settings = TypeVar("Settings", bound=SharedSettings)


def load(settings_class: type[Settings], **overrides: Any) -> Settings:
    """Read the settings of one program. Raises SettingsError, which names all faults at once."""
    faults = [*_time_zone_faults(os.environ.get("TZ", ""))]
    try:
        settings = settings_class(**overrides)
    except ValidationError as error:
        # A default that depends on a wrong setting can't be computed. That is no fault of its own.
        wrong = [e for e in error.errors() if e["type"] != "default_factory_not_called"]
        raise SettingsError([*(_sentence(settings_class, e) for e in wrong), *faults]) from None
    if faults:
        raise SettingsError(faults)
    return settings


def _time_zone_faults(name: str) -> Iterator[str]:
    """Yield a sentence if TZ names no time zone: the C library would take it for UTC."""
    if not name or _POSIX_ZONE.match(name) or Path(path := name.removeprefix(":")).is_absolute():
        return
    try:
        zoneinfo.ZoneInfo(path)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError):
        yield f"TZ: there is no such time zone; an example is Europe/Berlin (it is {name!r})"


_SENTENCES = {  # by pydantic's type of an error
    "int_parsing": "it has to be a whole number",
    "float_parsing": "it has to be a number",
    "bool_parsing": "it has to be on or off",
    "greater_than_equal": "it has to be at least {ge}",
    "less_than_equal": "it has to be at most {le}",
    "literal_error": "it has to be {expected}",
}


def _sentence(settings_class: type[Settings], error: ErrorDetails) -> str:
    if not error["loc"]:  # of several settings
        return error["msg"].removeprefix("Value error, ")
    name = str(error["loc"][0])
    is_secret = settings_class.model_fields[name].annotation is SecretStr
    ours = _SENTENCES.get(error["type"])
    message = ours.format(**error.get("ctx", {})) if ours else error["msg"].removeprefix("Value error, ")
    return f"{name.upper()}: {message}" + ("" if is_secret else f" (it is {error['input']!r})")


def fault_of_data_dir(settings: SharedSettings) -> str:
    """Return a sentence if DATA_DIR is neither set nor in use, so that perhaps no worker reads it; empty otherwise."""
    folder = settings.data_dir
    if settings.artifacts:
        return ""
    is_used = any((folder / name).is_dir() for name in ("artifacts", "redis"))
    is_known = IS_CLONE or "data_dir" in settings.model_fields_set or is_used
    return "" if is_known else f"Set DATA_DIR to the folder that the workers use: a file in {folder} may reach none."


def load_settings_or_exit(settings_class: type[Settings]) -> Settings:
    """Read the settings of one program, or print what is wrong and end the process with status 2."""
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
    """Return the settings of the file that FLASK_CONFIG names, by their names in lower case."""
    name = os.environ.get("FLASK_CONFIG")
    if not name:
        return {}
    try:
        content = yaml.safe_load(Path(name).read_text(encoding="utf-8"))  # JSON is a subset of YAML
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise SettingsError([f"FLASK_CONFIG names {name}, which can't be read: {error}"]) from None
    if not isinstance(content, dict):
        raise SettingsError([f"FLASK_CONFIG names {name}, which is not a mapping of settings to values."])
    return {str(key).lower(): value for key, value in content.items()}
