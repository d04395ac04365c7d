from __future__ import annotations

from pathlib import Path

import pytest

from taskdesk import Desk
from taskdesk.worker.discovery import TaskRegistry


@pytest.fixture
def desk(redis_url: str, registry: TaskRegistry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Desk:
    """The desk of an application. The sample tasks are announced, and no worker is online."""
    monkeypatch.setenv("DATA_DIR", str(tmp_path))
    return Desk.connect(redis_url)
