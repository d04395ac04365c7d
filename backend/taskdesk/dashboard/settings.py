"""The settings of rq-dashboard."""

from __future__ import annotations

from pydantic import Field, SecretStr

from taskdesk.service.settings import AppPort, AppUrl, DashboardPort, SharedSettings


class DashboardSettings(SharedSettings):
    dashboard_host: str = Field("127.0.0.1", description="Address that rq-dashboard listens on; `0.0.0.0` for all.")
    dashboard_port: DashboardPort = 9181
    dashboard_username: str = Field("admin", description="Name for the login to rq-dashboard.")
    dashboard_password: SecretStr = Field(
        SecretStr(""),
        description="Password for the login to rq-dashboard: at least 12 bytes. Empty: no login, which only `ENV=dev` "
        "allows.",
    )
    app_port: AppPort = 5000
    app_url: AppUrl = Field(default_factory=lambda values: f"http://127.0.0.1:{values.get('app_port', 5000)}/")
