"""Tasks that leave a trace outside Redis, so that what ran is known whatever Redis says."""

import ctypes
import os
import signal
import threading
import time
import weakref
from dataclasses import dataclass
from typing import Any

from taskdesk import File, progress, task
from tests.faults import effects


def effect(seconds: float = 0) -> str:
    """Take some time."""
    return _effect(seconds)


@task(queue="high")
def effect_high(seconds: float = 0) -> str:
    """Take some time, on the urgent queue."""
    return _effect(seconds)


@task(at_most_once=True)
def effect_once(seconds: float = 0) -> str:
    """Take some time, at most once."""
    return _effect(seconds)


@task(queue="low")
def effect_low(seconds: float = 0) -> str:
    """Take some time, on the low queue."""
    return _effect(seconds)


@task(queue="high", timeout=3)
def limited(seconds: float = 0) -> str:
    """Take some time, and at most three seconds."""
    return _effect(seconds)


@task(retries=20)
def retrying(seconds: float = 0) -> str:
    """Take some time, with retries."""
    return _effect(seconds)


@task(queue="high", retries=20)
def retrying_high(seconds: float = 0) -> str:
    """Take some time, on the urgent queue, with retries."""
    return _effect(seconds)


@task(queue="low", retries=20)
def retrying_low(seconds: float = 0) -> str:
    """Take some time, on the low queue, with retries."""
    return _effect(seconds)


@task(retries=10)
def poison() -> None:
    """Kill the process that runs this."""
    effects.leave("begin")
    os.kill(os.getpid(), signal.SIGKILL)


def eats_memory(megabytes: int = 2_000) -> int:
    """Allocate memory and write to it."""
    effects.leave("begin")
    held = [b"x" * 1_000_000 for _ in range(megabytes)]
    effects.leave("end")
    return len(held)


@task(retries=3)
def fails(times: int = 1) -> str:
    """Fail this many times, then succeed."""
    effects.leave("begin")
    if effects.attempt() <= times:
        raise RuntimeError(f"Fails {times} times.")
    effects.leave("end")
    return "done"


@task(queue="low")
def leaves_a_file(says: bool = False) -> dict[str, Any]:
    """Print a line and report progress if told to, then return a file."""
    if says:
        print("a line")
        progress(1, 1, "done")
    return {"text": "some text", "file": File("file.txt", b"x" * 1_000)}


def takes_a_turn(name: str, limit: str, most: int, seconds: float = 0, failures: int = 0, kills: int = 0) -> str:
    """Hold one of `most` places of a limit for some time, and tell if there is none. At first, fail and die."""
    with effects.place(limit, most):
        attempt = effects.attempt_of(name)
        time.sleep(seconds)
        if attempt <= kills:
            os.kill(os.getpid(), signal.SIGKILL)
        if attempt <= kills + failures:
            raise RuntimeError("It fails as it should.")
    return "done"


def _callback(*_: Any) -> None:
    """A callback for RQ's producers that raises."""
    effects.leave("callback")
    raise RuntimeError("raises")


def _effect(seconds: float) -> str:
    effects.leave("begin")
    time.sleep(seconds)
    effects.leave("end")
    return "done"


@dataclass
class Argument:
    """An argument whose finalizer runs when the worker drops it: after the function has ended."""

    text: str = ""


@task(timeout=3)
def leaves_a_thread_that_holds_the_gil(argument: Argument) -> str:
    """End, but leave a thread that calls C without releasing the GIL."""
    effects.leave("begin")
    has_ended = threading.Event()

    def hold() -> None:
        has_ended.wait()
        ctypes.PyDLL(None).sleep(600)

    def end() -> None:
        has_ended.set()
        time.sleep(1)  # the thread's turn

    threading.Thread(target=hold, daemon=True).start()
    weakref.finalize(argument, end)
    effects.leave("end")
    return "done"


@task(timeout=3, retries=1)
def never_lets_go(argument: Argument) -> str:
    """End, but in the first attempt block whatever drops the argument."""
    effects.leave("begin")
    if effects.attempt() == 1:
        weakref.finalize(argument, time.sleep, 600)
    effects.leave("end")
    return "done"
