"""Tasks that return what they were given, one for each kind of parameter."""

from __future__ import annotations

from taskdesk import AnyFile, CsvFile, current_job


def takes_files(any: AnyFile, table: CsvFile | None = None, größe: AnyFile | None = None) -> dict[str, list[str]]:
    """Say under which names files arrive."""
    paths = {"any": any, "table": table, "größe": größe}
    return {name: [path.name, current_job().filenames[name]] for name, path in paths.items() if path}


def takes_bytes(content: bytes, more: bytes | None = None) -> list[str]:
    """Say which bytes arrive."""
    return [repr(content), repr(more)]
