"""The command `new`: write a small project, from the files in `project/`."""

from __future__ import annotations

import re
from pathlib import Path

import click

from taskdesk.version import VERSION

_TEMPLATES = Path(__file__).with_name("project")
FILES = {  # of a project, and their templates
    ".env": "env.txt",
    ".gitignore": "gitignore.txt",
    "Dockerfile": "Dockerfile.txt",
    "docker-compose.yml": "docker-compose.yml",
    "requirements.txt": "requirements.txt",
    "tasks/__init__.py": "tasks_init.txt",
    "tasks/greetings.py": "greetings.txt",
    "tests/test_greetings.py": "test_greetings.txt",
}
_USABLE_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_-]{0,62}")  # of a folder, and of a project of Docker

_NEXT = """\
The project {0} is ready. Start it:
    cd {0}
    taskdesk run ./tasks
Its test:
    pip install -r requirements.txt
    python -m pytest"""


@click.command()
@click.argument("name")
def new(name: str) -> None:
    """Write a small project into a new folder: a task, its test, settings, and files for Docker."""
    if not _USABLE_NAME.fullmatch(name):
        raise click.UsageError(f"NAME: {name!r} can't be used: begin with a letter, then letters, digits, - or _.")
    project = Path(name)
    if project.exists():
        raise click.UsageError(f"NAME: {name} exists already. Choose another name, or remove it.")
    for file, template in FILES.items():
        text = (_TEMPLATES / template).read_text(encoding="utf-8")
        path = project / file
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text.replace("VERSION", VERSION).replace("NAME", name.lower()), encoding="utf-8")
    click.echo(_NEXT.format(name))
