"""What a command works with: the settings, and the desk, once it is asked for."""

from __future__ import annotations

from functools import cached_property
from urllib.parse import urlsplit

import click
from redis import Redis

from jobkit.desk import Desk
from jobkit.embedded import find_redis_url
from jobkit.errors import SettingsError
from jobkit.redis import connect_impatiently
from jobkit.settings import SharedSettings, load

PATIENCE = 5.0  # seconds for an answer of Redis


class Session:
    @cached_property
    def settings(self) -> SharedSettings:
        return load(SharedSettings)

    @cached_property
    def redis_url(self) -> str:
        return find_redis_url(self.settings)

    @cached_property
    def desk(self) -> Desk:
        """Raises SettingsError."""
        return Desk(self.settings, self._connect())

    @property
    def redis_address(self) -> str:
        """Where Redis is, without the password."""
        parts = urlsplit(self.redis_url)
        return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"

    def _connect(self) -> Redis:
        try:
            return connect_impatiently(self.redis_url, PATIENCE)
        except ValueError as error:
            raise SettingsError([f"REDIS_URL: {error}"]) from None


pass_session = click.make_pass_decorator(Session, ensure=True)
