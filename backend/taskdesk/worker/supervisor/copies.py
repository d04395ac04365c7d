"""Decide whether a process that has imported the tasks may be copied, so that each copy is as if it had imported them.

What an import leaves may not survive the copy (threads), or may have to differ between processes (random numbers).
"""

from __future__ import annotations

import gc
import os
import random
import sys
import sysconfig
from collections.abc import Iterable, Iterator
from contextlib import suppress
from os import fork, waitpid  # as they are before a task patches them
from types import FunctionType, ModuleType
from typing import Any

_LIBRARIES = tuple(sysconfig.get_paths()[name] for name in ("stdlib", "purelib", "platlib"))
_MAX_OBJECTS = 200_000  # of the author's modules that are looked at: 0.1 s
_MAX_BLOCKS = 1_000  # of 624 random numbers that an import may draw
_TORCH_OWN_SEEDS = 1 << 32  # torch takes 64 random bits; an author takes a smaller number


class Imports:
    """Finds what an import has left. Made before the import."""

    def __init__(self, packages: Iterable[str]):
        self._packages = {package.partition(".")[0] for package in packages}
        self._modules = set(sys.modules)
        self._connections = set(_connections())
        random.seed()  # the process that this one was forked from has others
        self._random = random.getstate()

    def obstacle(self) -> str:
        """Return what keeps this process from being copied, in words; an empty text if nothing does."""
        obstacles = {
            "no way to fork safely on this system": lambda: sys.platform != "linux",
            "processes": _has_children,
            "threads": _has_threads,
            "open connections": lambda: set(_connections()) - self._connections,
            "random numbers": self._has_random_numbers,
        }
        return next((words for words, is_there in obstacles.items() if is_there()), "")

    def _has_random_numbers(self) -> bool:
        """Return True if a seed was set or a generator was made: a fresh process would tell which of them differ."""
        generator = getattr(sys.modules.get("numpy.random"), "get_bit_generator", None)
        is_seeded = _was_seeded(self._random) or (generator and generator().seed_seq is None)
        return bool(is_seeded) or any(map(_is_generator, self._objects()))

    def _objects(self) -> Iterator[Any]:
        """Yield what the author's new modules hold, at any depth, but nothing of other modules."""
        modules = {name: module for name, module in sys.modules.items() if self._is_authors(name, module)}
        left: list[Any] = [vars(module) for module in modules.values()]
        seen = {id(one) for one in left}
        while left and len(seen) < _MAX_OBJECTS:
            yield (one := left.pop())
            for inner in gc.get_referents(one):
                is_others = isinstance(inner, (type, FunctionType)) and inner.__module__ not in modules
                if id(inner) not in seen and not is_others and type(inner) is not ModuleType and gc.is_tracked(inner):
                    seen.add(id(inner))
                    left.append(inner)

    def _is_authors(self, name: str, module: Any) -> bool:
        if name in self._modules:
            return False
        file = getattr(module, "__file__", None) or _LIBRARIES[0]
        return name.partition(".")[0] in self._packages or not file.startswith(_LIBRARIES)


def reseed() -> None:
    """Give this copy random numbers of its own. No seed was set on purpose, or there would be no copy."""
    random.seed()
    if numpy := sys.modules.get("numpy.random"):
        numpy.seed()
    torch = sys.modules.get("torch")
    if torch and torch.initial_seed() >= _TORCH_OWN_SEEDS:
        torch.seed()


def _has_children() -> bool:
    try:
        os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
    except ChildProcessError:
        return False
    return True


def _has_threads() -> bool:
    """Fork once: libraries that are ready for a fork end their threads before it, as OpenBLAS (numpy) does."""
    pid = fork()
    if not pid:
        os._exit(0)
    with suppress(ChildProcessError):  # the import may have set SIGCHLD to SIG_IGN
        waitpid(pid, 0)
    return len(os.listdir("/proc/self/task")) > 1


def _connections() -> Iterator[str]:
    """Yield each socket and event loop that this process has open."""
    for entry in os.scandir("/proc/self/fd") if sys.platform == "linux" else ():
        try:
            target = os.readlink(entry.path)
        except OSError:  # the folder itself, closed by now
            continue
        if target.startswith(("socket:", "anon_inode:[event")):
            yield f"{entry.name} {target}"


def _is_generator(one: Any) -> bool:
    numpy, kind = sys.modules.get("numpy.random"), type(one)
    kinds = (random.Random, numpy.Generator, numpy.RandomState, numpy.BitGenerator) if numpy else (random.Random,)
    return issubclass(kind, kinds) and not issubclass(kind, random.SystemRandom)


def _was_seeded(before: tuple[Any, ...]) -> bool:
    """Return False if numbers were only drawn from `random` since then: they come in blocks, one from the other."""
    now, probe = random.getstate()[1][:-1], random.Random()
    probe.setstate(before)
    for _ in range(_MAX_BLOCKS):
        if probe.getstate()[1][:-1] == now:
            return False
        probe.getrandbits(32 * len(now))
    return True
