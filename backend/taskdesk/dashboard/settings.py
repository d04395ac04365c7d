"""The settings of rq-dashboard."""

from __future__ import annotations

from pydantic import Field, SecretStr, ValidationInfo, field_validator

from taskdesk.service.settings import AppPort, AppUrl, Auth, DashboardPassword, DashboardPort, SharedSettings


class DashboardSettings(SharedSettings):
    dashboard_host: str = Field("127.0.0.1", description="Address that rq-dashboard listens on; `0.0.0.0` for all.")
    dashboard_port: DashboardPort = 9181
    dashboard_username: str = Field("admin", description="Name for the login to rq-dashboard.")
    auth: Auth
    dashboard_password: DashboardPassword = Field(SecretStr(""), validate_default=True)
    app_port: AppPort = 5000
    app_url: AppUrl = Field(default_factory=lambda values: f"http://127.0.0.1:{values.get('app_port', 5000)}/")

    @field_validator("dashboard_password")
    @classmethod
    def _is_there_if_the_desk_has_logins(cls, value: SecretStr, info: ValidationInfo) -> SecretStr:
        """Refuse to show and change jobs without a login beside a desk with logins. In prod, checks.py does so."""
        if info.data.get("auth") and info.data.get("env") == "dev" and not value.get_secret_value():
            raise ValueError("it is needed with AUTH=on, because rq-dashboard has no login without it")
        return value
