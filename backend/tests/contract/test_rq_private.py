"""RQ still has every private name that we use, with the same signature, and rq_private.py lists all that we use."""

from __future__ import annotations

import ast
import importlib
import inspect
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from redis import Redis
from rq.job import Job
from rq.worker import BaseWorker

from tests.conftest import BACKEND
from tests.contract.rq_private import PRIVATE, Name

LISTED = {name.path for name in PRIVATE}
# What RQ's documentation has.
DOCUMENTED = {
    "rq.Queue",
    "rq.Retry",
    "rq.Worker",
    "rq.exceptions",
    "rq.group.Group",
    "rq.job",
    "rq.job.Job",
    "rq.job.JobStatus",
    "rq.serializers",
    "rq.serializers.JSONSerializer",
    "rq.timeouts.JobTimeoutException",
    "rq.worker.BaseWorker.job_class",
    "rq.worker.BaseWorker.work",
    "rq.queue.Queue.job_class",
    "rq.worker.WorkerStatus",
}
FILES = sorted((BACKEND / "taskdesk").rglob("*.py"))


@pytest.mark.parametrize("name", PRIVATE, ids=lambda name: name.path)
def test_rq_has_this_name_with_this_signature(name):
    assert _is_as_listed(name), f"RQ has changed {name.path}, which we use: {name.reason}"


def test_each_private_name_that_we_use_is_listed():
    used = {use for file in FILES for use in _uses(file)}

    assert len(used & LISTED) > 15
    assert used - LISTED - DOCUMENTED == set(), "list it in rq_private.py, with the reason"


def test_no_attribute_of_our_worker_hides_one_of_rqs():
    tree = ast.parse((BACKEND / "taskdesk/worker/supervisor/worker.py").read_text())
    stores = [node for node in ast.walk(tree) if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store)]
    ours = {node.attr for node in stores if node.attr.startswith("_")}

    assert len(ours) > 10
    assert ours & {*dir(BaseWorker([], connection=Redis(), prepare_for_work=False))} == set()


def test_a_name_is_listed_once():
    assert len(LISTED) == len(PRIVATE)


def _is_as_listed(name: Name) -> bool:
    if name.signature == "attribute":
        return hasattr(Job("an-id", connection=Redis()), name.path.rpartition(".")[2])
    found = _resolve(name.path)
    if name.signature in ("", "property"):
        return found is not None and isinstance(found, property) == (name.signature == "property")
    if inspect.isclass(found):
        found = found.__init__
    if not callable(found):
        return False
    parameters = _parameters(found)
    if name.signature.endswith(", …"):
        return set(name.signature.removesuffix(", …").split(", ")) <= set(parameters)
    return ", ".join(parameters) == name.signature


def _resolve(path: str) -> Any:
    """Return the module or object of this path, None if there is none."""
    module, _, rest = path, "", ""
    while True:
        try:
            found: Any = importlib.import_module(module)
            break
        except ModuleNotFoundError:
            module, _, last = module.rpartition(".")
            rest = f"{last}.{rest}" if rest else last
    for part in rest.split(".") if rest else ():
        found = getattr(found, part, None)
    return found


def _parameters(function: Any) -> list[str]:
    """Return the parameters with their defaults and without their types, as one writes them."""
    signature = inspect.signature(function)
    bare = [parameter.replace(annotation=inspect.Parameter.empty) for parameter in signature.parameters.values()]
    text = str(signature.replace(parameters=bare, return_annotation=inspect.Signature.empty))
    return text.removeprefix("(").removesuffix(")").split(", ")


# What we use: imports from RQ, what our classes override, private names


def _uses(file: Path) -> Iterator[str]:
    tree = ast.parse(file.read_text())
    names = dict(_imports(tree))
    yield from (path for path in names.values() if path.startswith("rq.") and not path.startswith("rq.exceptions."))
    theirs = {name: _resolve(path) for name, path in names.items() if path.startswith(("rq.", "taskdesk.worker.rq_"))}
    if not theirs:
        return
    for node in ast.walk(tree):
        if isinstance(node, ast.ClassDef):
            bases = [base for expression in node.bases if (base := theirs.get(ast.unparse(expression)))]
            theirs[node.name] = bases[0] if bases else None  # a class of ours passes its base on
            yield from (path for base in bases for path in _overridden(node, base))
        elif isinstance(node, ast.Attribute) and node.attr.startswith("_") and not node.attr.startswith("__"):
            yield from _private(node.attr, ast.unparse(node.value), theirs)


def _imports(tree: ast.Module) -> Iterator[tuple[str, str]]:
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom):
            yield from ((alias.asname or alias.name, f"{node.module}.{alias.name}") for alias in node.names)
        elif isinstance(node, ast.Import):
            yield from ((alias.asname or alias.name, alias.name) for alias in node.names)


def _overridden(node: ast.ClassDef, base: type) -> Iterator[str]:
    names = {part.name for part in node.body if isinstance(part, ast.FunctionDef)}
    names |= {
        target.id
        for part in node.body
        if isinstance(part, ast.Assign)
        for target in part.targets
        if isinstance(target, ast.Name)
    }
    yield from (path for name in names if (path := _defined_by_rq(base, name)))


def _private(attribute: str, owner: str, theirs: dict[str, Any]) -> Iterator[str]:
    """Yield where RQ defines the attribute, if it does."""
    for their in theirs.values():
        if isinstance(their, ModuleType) and hasattr(their, attribute):
            yield f"{their.__name__}.{attribute}"
        elif inspect.isclass(their) and (path := _defined_by_rq(their, attribute)):
            yield path
    if owner != "self" and attribute in vars(Job("an-id", connection=Redis())):
        yield f"rq.job.Job.{attribute}"


def _defined_by_rq(base: type, name: str) -> str | None:
    """Return the path of what RQ's class, or the one that it inherits from, has under this name."""
    for their in inspect.getmro(base):
        if their.__module__.startswith("rq.") and name in vars(their) and not name.startswith("__"):
            return f"{their.__module__.replace('.worker.base', '.worker')}.{their.__qualname__}.{name}"
    return None
