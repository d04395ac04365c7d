"""The map of imports (each arrow of the README's drawing is a line here), and the size of files and functions."""

from __future__ import annotations

import ast
import graphlib
import statistics
import subprocess
import sys
from pathlib import Path

import pytest

import taskdesk

BACKEND = Path(__file__).resolve().parents[1]

# Each part of the package, and the parts that it may import beside itself. Every part may import `version`.
MAY_IMPORT = {
    "web": {"jobs", "service"},
    "cli": {"jobs", "service"},
    "client": {"jobs", "service"},
    "worker": {"jobs", "service"},
    "dashboard": {"jobs", "service"},
    "launcher": {"worker", "service"},
    "jobs": {"service"},
    "service": set(),
    "version": set(),
    "testing": {"client", "jobs", "service", "worker"},  # pytest's fixture
    "errors": {"jobs", "service"},  # what an application catches
    "__init__": {"client", "jobs"},  # what authors of tasks and applications import
    "__main__": {"cli"},
}
# The entry points, and the parts that each imports.
ENTRIES = {
    "server": {"web"},
    "worker": {"worker", "service"},
    "dashboard": {"dashboard", "service"},
}
# Within a part: the folders that a folder never imports.
NEVER_IMPORTS = {
    "worker.shared": {"worker.child", "worker.supervisor"},
    "worker.child": {"worker.supervisor"},
    "worker.supervisor": {"worker.child"},
    "worker.deliverer": {"worker.child", "worker.supervisor", "worker.shared"},
    "web.streams": {"web.api", "web.pages", "web.access"},
    "web.access": {"web.api", "web.pages"},
    "web.metrics": {"web.api", "web.pages"},
    "web.api": {"web.pages"},
    "web.pages.view": {"web.api", "web.access", "web.context", "web.links"},
}
# The module that forks the child, and what it runs there.
MAY_CROSS = {"taskdesk.worker.supervisor.worker": "taskdesk.worker.child.assembly"}
MAX_FILE_LINES = 300
PUBLIC = {"taskdesk", *(f"taskdesk.{name}" for name in taskdesk.__all__)}
FILES = [
    *(BACKEND / f"{name}.py" for name in ENTRIES),
    *(path for folder in ("taskdesk", "tasks") for path in sorted((BACKEND / folder).rglob("*.py"))),
]


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


def _functions(path: Path) -> list[ast.FunctionDef | ast.AsyncFunctionDef]:
    nodes = ast.walk(ast.parse(path.read_text()))
    return [node for node in nodes if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))]


def _parts(path: Path) -> set[str]:
    """The parts of the package that a file imports."""
    names = {name for name in _imports(path) if name.partition(".")[0] == "taskdesk"}
    return {name.split(".")[1] if name.count(".") else "__init__" for name in names} - {"version"}


@pytest.mark.parametrize("part", MAY_IMPORT)
def test_a_part_imports_only_what_the_map_allows(part):
    folder = BACKEND / "taskdesk" / part
    files = sorted(folder.rglob("*.py")) or [folder.with_suffix(".py")]

    assert files
    assert {name for path in files for name in _parts(path)} - {part} <= MAY_IMPORT[part]


@pytest.mark.parametrize("entry", ENTRIES)
def test_an_entry_point_imports_only_what_the_map_allows(entry):
    assert _parts(BACKEND / f"{entry}.py") <= ENTRIES[entry]


def test_a_task_imports_nothing_of_ours_but_the_public_names():
    for path in sorted((BACKEND / "tasks").rglob("*.py")):
        assert {name for name in _imports(path) if name.startswith("taskdesk")} <= PUBLIC, path


def test_each_part_of_the_package_is_on_the_map():
    parts = {
        path.stem
        for path in (BACKEND / "taskdesk").iterdir()
        if path.suffix == ".py" or (path / "__init__.py").exists()
    }

    assert parts == set(MAY_IMPORT)


def test_no_page_imports_another():
    pages = sorted((BACKEND / "taskdesk/web/pages").glob("[a-z]*.py"))
    found = {(path.name, name) for path in pages for name in _imports(path) if name.startswith("taskdesk.web.pages.")}

    assert len(pages) >= 10
    assert {(page, name) for page, name in found if not name.startswith("taskdesk.web.pages.view")} == set()


@pytest.mark.parametrize("folder", NEVER_IMPORTS)
def test_a_folder_keeps_its_border(folder):
    others = tuple(f"taskdesk.{other}" for other in NEVER_IMPORTS[folder])
    files = sorted((BACKEND / "taskdesk" / folder.replace(".", "/")).rglob("*.py"))

    assert files
    crossing = {(_name(path), name) for path in files for name in _imports(path) if name.startswith(others)}
    assert {(path, name) for path, name in crossing if not name.startswith(MAY_CROSS.get(path, "-"))} == set()


def test_nothing_is_imported_inside_a_function_but_a_tasks_heavy_library():
    inside = [
        f"{path.relative_to(BACKEND)}:{node.lineno}"
        for path in FILES
        if "tasks" not in path.parts
        for function in _functions(path)
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

    modules = set(done.stdout.split())
    loaded = {name.partition(".")[0] for name in modules} | {name.removeprefix("taskdesk.") for name in modules}

    assert {"taskdesk.web", "taskdesk.jobs", "flask"} <= modules
    assert not loaded & {"tasks", "worker", "sklearn", "skops", "matplotlib", "pandas", "numpy"}


def test_files_are_short():
    lengths = {str(path.relative_to(BACKEND)): len(path.read_text().splitlines()) for path in FILES}

    assert {path: lines for path, lines in lengths.items() if lines > MAX_FILE_LINES} == {}


def test_functions_are_short():
    lengths = [function.end_lineno - function.lineno + 1 for path in FILES for function in _functions(path)]

    assert statistics.median(lengths) <= 6
    assert statistics.quantiles(lengths, n=10)[-1] <= 15  # nine of ten
