"""The settings of the web."""

from __future__ import annotations

from typing import Annotated

from limits import parse_many
from pydantic import BeforeValidator, Field, SecretStr, ValidationInfo, field_validator
from pydantic_settings import NoDecode

from taskdesk.service.checks import MIN_PASSWORD_BYTES, MIN_SECRET_BYTES
from taskdesk.service.settings import Port, SharedSettings, split

_HOST_NAME = r"^\.?[0-9A-Za-z_][0-9A-Za-z_.-]*$|^\[[0-9A-Fa-f:.]+\]$"
HostNames = Annotated[tuple[Annotated[str, Field(pattern=_HOST_NAME)], ...], NoDecode, BeforeValidator(split)]


class WebSettings(SharedSettings):
    app_host: str = Field("127.0.0.1", description="the address to listen on; `0.0.0.0` for all")
    trusted_hosts: HostNames = Field(
        (),
        description="the names that it answers to, besides `localhost`: `desk.example.org`, or `.example.org` for all "
        "that end so; empty: while it listens to others, too, its machine's name and any address",
    )
    trusted_proxies: int = Field(
        0,
        ge=0,
        le=10,
        description="proxies in front, whose X-Forwarded-For, -Proto, -Host, -Port and -Prefix are believed",
    )
    app_port: Port = Field(5000, description="the port of the pages and of the API")
    web_processes: int = Field(1, ge=1, le=64, description="web processes, all on one socket")
    max_upload_bytes: int = Field(100_000_000, ge=1, description="the largest request, uploads included")
    max_event_streams: int = Field(
        5000, ge=1, le=10_000, description="event streams that one web process has open at most"
    )
    max_event_streams_per_client: int = Field(100, ge=1, description="of these, those of one client address")
    dashboard_url: str = Field("", description="address of rq-dashboard, for the link to it; empty: none")
    classic_routes: bool = Field(
        default_factory=lambda known: known["env"] == "dev",
        description="the routes of the tutorials, for their own clients; `ENV=prod`: off",
    )
    auth: bool = Field(
        default_factory=lambda known: known["env"] == "prod",
        validate_default=True,
        description="`on`: who asks has to log in, or to send a token; `off` only with `ENV=dev`",
    )
    secret_key: SecretStr = Field(
        SecretStr(""), validate_default=True, description="signs the sessions: at least 32 random bytes"
    )
    admin_password: SecretStr = Field(
        SecretStr(""), description="if set, `admin` may log in with it, as operator; to begin with"
    )
    rate_limit: str = Field(
        "", description="writes that a user, a token or an address may send, as `50/second`; empty: any"
    )

    @field_validator("secret_key", "admin_password")
    @classmethod
    def _is_no_short_secret(cls, value: SecretStr, info: ValidationInfo) -> SecretStr:
        """For dev; what prod needs is told with all else: service/checks.py."""
        if info.data.get("env") == "prod":
            return value
        length = len(value.get_secret_value().encode())
        least = MIN_SECRET_BYTES if info.field_name == "secret_key" else MIN_PASSWORD_BYTES
        is_needed = info.field_name == "secret_key" and info.data.get("auth")
        if length < least and (length or is_needed):
            raise ValueError(f"it needs at least {least} bytes")
        return value

    @field_validator("rate_limit")
    @classmethod
    def _is_a_limit(cls, value: str) -> str:
        try:
            parse_many(value) if value else None
        except ValueError:
            raise ValueError("it has to be a number per time, such as 50/second") from None
        return value
