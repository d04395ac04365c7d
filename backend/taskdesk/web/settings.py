"""The settings of the web."""

from __future__ import annotations

from typing import Annotated

from limits import parse_many
from pydantic import BeforeValidator, Field, SecretStr, ValidationInfo, field_validator
from pydantic_settings import NoDecode

from taskdesk.service.checks import MIN_PASSWORD_BYTES, MIN_SECRET_BYTES
from taskdesk.service.settings import AppHost, AppPort, Auth, DashboardUrl, SharedSettings, split_commas

_HOST_NAME = r"^\.?[0-9A-Za-z_][0-9A-Za-z_.-]*$|^\[[0-9A-Fa-f:.]+\]$"
HostNames = Annotated[tuple[Annotated[str, Field(pattern=_HOST_NAME)], ...], NoDecode, BeforeValidator(split_commas)]


class WebSettings(SharedSettings):
    app_host: AppHost = "127.0.0.1"
    trusted_hosts: HostNames = Field(
        (),
        description="Host names that the web answers to, besides `localhost`, separated by commas: `desk.example.org`, "
        "or `.example.org` for a domain with all its subdomains. Empty: if `APP_HOST` is not a local address, also the "
        "name of this machine and any IP address.",
    )
    trusted_proxies: int = Field(
        0,
        ge=0,
        le=10,
        description="Number of proxies in front of the web whose `X-Forwarded-For`, `-Proto`, `-Host`, `-Port` and "
        "`-Prefix` are trusted. With a prefix the web lives under a path.",
    )
    app_port: AppPort = 5000
    web_processes: int = Field(1, ge=1, le=64, description="Number of web processes; they share one socket.")
    max_upload_bytes: int = Field(100_000_000, ge=1, description="Largest request body in bytes, uploads included.")
    max_event_streams: int = Field(
        5000, ge=1, le=10_000, description="Event streams that one web process may have open."
    )
    max_event_streams_per_client: int = Field(
        100, ge=1, description="Event streams that one client address may have open in one web process."
    )
    dashboard_url: DashboardUrl = ""
    classic_routes: bool = Field(
        default_factory=lambda values: values["env"] == "dev",
        description="Serve the routes of the tutorials, for their own clients. With `ENV=prod` the default is off.",
    )
    auth: Auth
    secret_key: SecretStr = Field(
        SecretStr(""),
        validate_default=True,
        description="Key that signs logins and forms: at least 32 random bytes. A new key ends all sessions. Required "
        "with `AUTH=on`.",
    )
    admin_password: SecretStr = Field(
        SecretStr(""),
        description="Password of the operator `admin`, for the first login: at least 12 bytes. Empty: there is no such "
        "user.",
    )
    rate_limit: str = Field(
        "", description="Writes that one user, token or address may send, such as `50/second`. Empty: no limit."
    )

    @field_validator("secret_key", "admin_password")
    @classmethod
    def _is_no_short_secret(cls, value: SecretStr, info: ValidationInfo) -> SecretStr:
        """Refuse a short secret in dev. In prod, service/checks.py does so, and names every other fault with it."""
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
            raise ValueError("it has to be a number per unit of time, such as 50/second") from None
        return value
