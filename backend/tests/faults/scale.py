"""How large the scenarios are: small beside all other tests, full size with FAULTS=all (`make faults`)."""

from __future__ import annotations

import os
from typing import TypeVar

ALL = os.environ.get("FAULTS") == "all"
SEED = int(os.environ.get("FAULTS_SEED", "1"))
LIMIT = 900 if ALL else 300  # seconds for one scenario

T = TypeVar("T")


def size(small: T, full: T) -> T:
    return full if ALL else small


def promised(seconds: float) -> float:
    """The seconds that are promised. Only `make faults` holds the product to them, on a machine that does nothing else;
    beside other tests a minute is allowed.
    """
    return size(60, seconds)
