"""Share the GPUs: each worker process sees one of them, from before the import of the tasks.

CUDA reads CUDA_VISIBLE_DEVICES once in a process, and each process that uses a GPU would take the first one otherwise.
"""

from __future__ import annotations

import logging
import os
import subprocess
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

VARIABLE = "CUDA_VISIBLE_DEVICES"
NVIDIA_SMI_SECONDS = 10  # a driver that hangs must not keep the worker from its start

log = logging.getLogger("worker")


def gpu_names(setting: str, dev: Path = Path("/dev")) -> list[str]:
    """Return what CUDA_VISIBLE_DEVICES is for each GPU of the setting GPUS: `auto`, a number, or empty for none.

    With `auto`, what the environment names already is shared; otherwise all GPUs of the machine.
    """
    if setting != "auto":
        return [str(number) for number in range(int(setting or 0))]
    given = [name.strip() for name in os.environ.get(VARIABLE, "").split(",") if name.strip()]
    names = given or [str(number) for number in range(_count_by_driver() or _count_by_files(dev))]
    if not names:
        log.warning(
            "GPUS=auto: neither nvidia-smi nor %s/nvidia0 shows a GPU, so %s is not set. In a container, pass the GPUs "
            "on (docker run --gpus all). Without any, leave GPUS empty.",
            *(dev, VARIABLE),
        )
    return names


def take_gpu(names: Sequence[str], number: int) -> None:
    """Let this process, and all that it starts, see only its own GPU. Processes beyond their number share them."""
    if names:
        os.environ[VARIABLE] = names[number % len(names)]


def _count_by_driver() -> int:
    with suppress(OSError, subprocess.SubprocessError):
        command = ["nvidia-smi", "-L"]
        listed = subprocess.run(command, capture_output=True, text=True, timeout=NVIDIA_SMI_SECONDS, check=True).stdout
        return sum(line.startswith("GPU ") for line in listed.splitlines())
    return 0


def _count_by_files(dev: Path) -> int:
    return sum(1 for path in dev.glob("nvidia[0-9]*") if path.name.removeprefix("nvidia").isdigit())
