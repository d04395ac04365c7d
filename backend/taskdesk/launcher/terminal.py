"""Output for the person at the terminal."""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from typing import NoReturn


def say(line: str, name: str = "run", color: int = 1) -> None:
    label = f"{name:<9} |"
    if sys.stdout.isatty() and "NO_COLOR" not in os.environ:
        label = f"\033[{color}m{label}\033[0m"
    with suppress(OSError):  # the terminal is gone, and the processes still have to be stopped
        sys.stdout.write(f"{label} {line}\n")
        sys.stdout.flush()


def refuse(sentence: str) -> NoReturn:
    print(sentence, file=sys.stderr)
    raise SystemExit(2)
