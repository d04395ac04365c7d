"""The address of the Redis that `make run` starts. Its port varies: a file next to the data has the address."""

from __future__ import annotations

from pathlib import Path

from taskdesk.service.settings import SharedSettings


def write_redis_url(data_dir: Path, url: str) -> None:
    _file(data_dir).write_text(url)


def remove_redis_url(data_dir: Path) -> None:
    _file(data_dir).unlink(missing_ok=True)


def find_redis_url(settings: SharedSettings) -> str:
    """Return REDIS_URL if it is set, else the address of the Redis that `make run` has started."""
    if "redis_url" not in settings.model_fields_set and _file(settings.data_dir).exists():
        return _file(settings.data_dir).read_text()
    return settings.redis_url.get_secret_value()


def _file(data_dir: Path) -> Path:
    return data_dir / "redis" / "url"
