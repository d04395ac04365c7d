"""Values that the tasks of several tests return."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import BaseModel, SecretStr

PNG = b"\x89PNG\r\n\x1a\n rest"


@dataclass
class Scores:
    mean: Any
    files: Any = None


class Model(BaseModel):
    at: dt.date
    path: Path | None = None


class Secret(BaseModel):
    inner: Any
    key: SecretStr = SecretStr("x")
