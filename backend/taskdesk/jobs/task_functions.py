"""Which functions of a package are tasks, and under which names.

Each public name that a file of the package defines, with `def` or by an assignment, is a task if its value is a
function: `old = new` and `monthly = partial(report, days=30)` are also tasks. What a file imports is no task there. A
file or folder whose name starts with an underscore holds helpers.
"""

from __future__ import annotations

import inspect
import linecache
import pkgutil
import symtable
import sys
from collections.abc import Callable, Iterator
from functools import partial
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple

NO_TASKS = {"around_job"}  # public functions with another purpose


def modules_of(package: str, load: Callable[[str], ModuleType | None]) -> Iterator[ModuleType]:
    """Yield the package and its public modules at any depth. `load` imports one, or returns None if it can't."""
    names = [package]
    for name in names:  # each package adds its files to the list
        module = load(name)
        if module is not None:
            names += _submodules(module)
            yield module


def _submodules(module: ModuleType) -> list[str]:
    """Return the full names of the public files and folders in a package; none if the module is no package."""
    folders = [Path(path) for path in vars(module).get("__path__", ())]
    names = {info.name for info in pkgutil.iter_modules(map(str, folders))}
    names |= {entry.name for folder in folders if folder.is_dir() for entry in folder.iterdir() if entry.is_dir()}
    return sorted(f"{module.__name__}.{name}" for name in names if name.isidentifier() and not name.startswith("_"))


def task_functions(module: ModuleType, package: str) -> Iterator[tuple[str, Any]]:
    """Yield the name and the value of each task in a module of the package.

    The value of a name that was defined by `def` may be anything: a decorator may have returned it.
    """
    own = _own_names(module)
    for name, value in list(vars(module).items()):
        if name.startswith("_") or name in NO_TASKS or issubclass(type(value), type):
            continue
        if name in own.defined or (name in own.assigned and _is_of_package(value, package)):
            yield name, value
        elif name not in own.assigned and inspect.isfunction(value) and value.__module__ == module.__name__:
            yield name, value  # no statement shows it: globals()[name] = function


class _OwnNames(NamedTuple):
    """The names that a file gives values to: by `def`, and in any way except by an import."""

    defined: set[str]
    assigned: set[str]


def _own_names(module: ModuleType) -> _OwnNames:
    members = vars(module)  # attributes may be those of the module's `__getattr__`
    source = "".join(linecache.getlines(members.get("__file__") or "", members))  # empty for a compiled file
    symbols = symtable.symtable(source, module.__name__, "exec").get_symbols()
    defined = {one.get_name() for one in symbols if any(map(_is_def, one.get_namespaces()))}
    return _OwnNames(defined, {one.get_name() for one in symbols if one.is_assigned()})


def _is_def(table: symtable.SymbolTable) -> bool:
    return table.get_type() == "function" and table.get_name() != "lambda"


def _is_of_package(value: Any, package: str) -> bool:
    """Return True for a function of the package; False for one of another package, as in `dumps = json.dumps`."""
    try:
        if not callable(value):
            return False
        if isinstance(value, partial) or hasattr(value, "task_options"):  # made for this purpose
            return True
        is_function = inspect.isroutine(value) or hasattr(value, "__wrapped__")
        home = value.__module__ if is_function else type(value).__call__.__module__  # the class of an object decides
        return f"{home}.".startswith(f"{package}.") or "<locals>" in value.__qualname__  # a decorator has made it
    except Exception:  # a proxy of something that is not there yet, say
        return False


def paths_of(function: Any, name: str, module: ModuleType) -> tuple[str, ...]:
    """Return where Python finds a task: in the file that names it, and where it was defined. RQ writes the latter."""
    paths = [f"{module.__name__}.{name}"]
    home, own_name = str(getattr(function, "__module__", "")), str(getattr(function, "__qualname__", ""))
    if home in sys.modules and vars(sys.modules[home]).get(own_name) is function:
        paths.append(f"{home}.{own_name}")
    return tuple(dict.fromkeys(paths))


def task_lookup(package: str) -> Callable[[str], Any]:
    """Return a `__getattr__` for the `__init__.py` of a tasks package: `__getattr__ = task_lookup(__name__)`.

    So `package.task` is the function, whichever file defines it: a stock `rq worker` finds it by that name.
    Files are imported when a name is first asked for. One that can't be imported does not hide the others.
    """

    def find(name: str) -> Any:
        if name.startswith("_") or name in NO_TASKS:
            raise AttributeError(f"The package {package} has no task {name}", name=name)
        broken: list[str] = []
        for module in modules_of(package, partial(_load, broken)):
            if name in vars(module) and (function := dict(task_functions(module, package)).get(name)):
                return function
        raise AttributeError(f"The package {package} has no task {name}{''.join(broken)}", name=name)

    return find


def _load(broken: list[str], name: str) -> ModuleType | None:
    try:
        return import_module(name)
    except BaseException as error:  # a file may raise anything, and the next one may have the task
        broken.append(f"; {name} cannot be imported: {error!r}")
        return None
