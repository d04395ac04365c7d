"""How large the scenarios are: a seeded selection with all other tests, FAULTS=all (`make faults`) at full size."""

from __future__ import annotations

import os
from typing import TypeVar

ALL = os.environ.get("FAULTS") == "all"
SEED = int(os.environ.get("FAULTS_SEED", "1"))
LIMIT = 900 if ALL else 150  # seconds for one scenario

T = TypeVar("T")


def size(small: T, full: T) -> T:
    return full if ALL else small
