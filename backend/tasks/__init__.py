"""The tasks: every public function that a module of this package defines becomes a form, an API route and a job.

A task's name is its function's name, so `tasks.simple_task` finds the function in whichever module defines it.
Modules are imported when a name is first asked for. A module that cannot be imported does not hide the others.
"""

import inspect
from collections.abc import Callable
from importlib import import_module
from pkgutil import iter_modules
from typing import Any


def __getattr__(name: str) -> Callable[..., Any]:
    broken = []
    if not name.startswith("_"):
        for info in iter_modules(__path__, f"{__name__}."):
            try:
                function = vars(import_module(info.name)).get(name)
            except BaseException as error:  # a module may raise anything, and the next one may have the task
                broken.append(f"; {info.name} cannot be imported: {error!r}")
                continue
            if inspect.isfunction(function) and function.__module__ == info.name:
                return function
    raise AttributeError(f"The package {__name__} has no task {name}{''.join(broken)}", name=name)
