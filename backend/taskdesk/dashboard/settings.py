"""The settings of rq-dashboard."""

from __future__ import annotations

from pydantic import Field, SecretStr

from taskdesk.service.settings import Port, SharedSettings


class DashboardSettings(SharedSettings):
    dashboard_host: str = Field("127.0.0.1", description="the address that rq-dashboard listens on; `0.0.0.0` for all")
    dashboard_port: Port = Field(9181, description="the port of rq-dashboard")
    dashboard_username: str = Field("admin", description="who may log in to rq-dashboard")
    dashboard_password: SecretStr = Field(
        SecretStr(""), description="with this password; empty: no login, which prod refuses"
    )
    app_port: Port = 5000
    app_url: str = Field(
        default_factory=lambda known: f"http://127.0.0.1:{known.get('app_port', 5000)}/",
        description="address of Taskdesk, for rq-dashboard's links to it",
    )
