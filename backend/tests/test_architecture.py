"""Who may import whom. This file is the map: each arrow of the README's drawing is a line here."""

from __future__ import annotations

import ast
import graphlib
import subprocess
import sys
from pathlib import Path

import pytest

BACKEND = Path(__file__).resolve().parents[1]

MAY_IMPORT = {
    "server": {"web", "jobkit"},
    "taskdesk": {"cli", "jobkit"},
    "worker": {"runner", "jobkit"},
    "dashboard": {"rqview", "jobkit"},
    "rqview": {"rqview", "jobkit"},
    "run": {"launcher", "runner", "jobkit"},
    "launcher": {"launcher"},
    "web": {"web", "jobkit"},
    "cli": {"cli", "jobkit"},
    "runner": {"runner", "jobkit"},
    "tasks": {"tasks", "jobkit"},
    "jobkit": {"jobkit"},
}
OURS = set(MAY_IMPORT)
FILES = [path for name in MAY_IMPORT for path in [BACKEND / f"{name}.py", *sorted((BACKEND / name).rglob("*.py"))]]
FILES = [path for path in FILES if path.exists()]


def _name(path: Path) -> str:
    parts = path.relative_to(BACKEND).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def _imports(path: Path) -> set[str]:
    """The modules that a file imports at run time, ours and others."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            found.add(node.module)
            found |= {f"{node.module}.{alias.name}" for alias in node.names}
    return found


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(BACKEND)))
def test_a_file_imports_only_what_the_map_allows(path):
    allowed = MAY_IMPORT[_name(path).partition(".")[0]]

    used = {name.partition(".")[0] for name in _imports(path)} & OURS

    assert used <= allowed


@pytest.mark.parametrize(
    "path", [path for path in FILES if "tasks" not in path.parts], ids=lambda path: str(path.relative_to(BACKEND))
)
def test_nothing_is_imported_inside_a_function(path):
    inside = [
        node.lineno
        for function in ast.walk(ast.parse(path.read_text()))
        if isinstance(function, (ast.FunctionDef, ast.AsyncFunctionDef))
        for node in ast.walk(function)
        if isinstance(node, (ast.Import, ast.ImportFrom))
    ]

    assert inside == []


def test_there_are_no_import_cycles():
    modules = {_name(path): path for path in FILES}
    graph = {
        name: {other for other in _imports(path) if other in modules and other != name}
        for name, path in modules.items()
    }

    list(graphlib.TopologicalSorter(graph).static_order())


def test_the_web_process_loads_no_task_code_and_no_library_of_tasks():
    program = "import server, sys; print('\\n'.join(sys.modules))"
    done = subprocess.run([sys.executable, "-c", program], cwd=BACKEND, capture_output=True, text=True, check=True)

    loaded = {name.partition(".")[0] for name in done.stdout.split()}

    assert {"web", "jobkit", "flask"} <= loaded
    assert not loaded & {"tasks", "runner", "sklearn", "skops", "matplotlib", "pandas", "numpy"}
