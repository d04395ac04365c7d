"""The commands that start our programs. Each becomes the program, so that the command line stays quick to import."""

from __future__ import annotations

import os
import sys

import click

from taskdesk.cli.session import Session, pass_session
from taskdesk.service.programs import command_of

packages = click.argument("tasks", nargs=-1)
data = click.option(
    "--data", type=click.Path(file_okay=False, resolve_path=True), help="Folder of the data. [default: DATA_DIR]"
)


@click.command()
@packages
@data
def run(tasks: tuple[str, ...], data: str | None) -> None:
    """Start everything: Redis, web, workers and rq-dashboard.

    TASKS are the folders or packages of your tasks, such as ./tasks or reports.tasks. [default: the setting TASKS]
    """
    _set(TASKS=",".join(tasks), DATA_DIR=data)
    _become([sys.executable, "-P", "-m", "taskdesk.launcher.run"])


@click.command()
@data
@pass_session
def web(session: Session, data: str | None) -> None:
    """Start the web only: the pages and the API."""
    _start("server", session, DATA_DIR=data)


@click.command()
@packages
@data
@pass_session
def worker(session: Session, tasks: tuple[str, ...], data: str | None) -> None:
    """Start the workers only. TASKS are as for `taskdesk run`."""
    _start("worker", session, TASKS=",".join(tasks), DATA_DIR=data)


@click.command()
@data
@pass_session
def dashboard(session: Session, data: str | None) -> None:
    """Start rq-dashboard only."""
    _start("dashboard", session, DATA_DIR=data)


def _start(program: str, session: Session, **settings: str | None) -> None:
    _set(**settings)
    _set(REDIS_URL=session.redis_url)  # it may be that of a `taskdesk run`
    _become(command_of(program))


def _set(**settings: str | None) -> None:
    """Set the settings that are given, in the environment of the program."""
    os.environ.update({name: value for name, value in settings.items() if value})


def _become(command: list[str]) -> None:
    if sys.platform == "win32":
        raise click.UsageError("Taskdesk runs on Linux and macOS. On Windows, start it in WSL or in Docker.")
    os.execv(command[0], command)
