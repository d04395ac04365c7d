"""Where the Redis of `make run` is: its port is free to vary, so it stands in a file beside the data."""

from __future__ import annotations

from pathlib import Path

from taskdesk.service.settings import SharedSettings


def write_redis_url(data_dir: Path, url: str) -> None:
    _file(data_dir).write_text(url)


def remove_redis_url(data_dir: Path) -> None:
    _file(data_dir).unlink(missing_ok=True)


def find_redis_url(settings: SharedSettings) -> str:
    """The address for a program that `make run` has not started: REDIS_URL if it is set, else the embedded one's."""
    if "redis_url" not in settings.model_fields_set and _file(settings.data_dir).exists():
        return _file(settings.data_dir).read_text()
    return settings.redis_url.get_secret_value()


def _file(data_dir: Path) -> Path:
    return data_dir / "redis" / "url"
