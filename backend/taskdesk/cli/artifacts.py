"""The commands about the files of jobs."""

from __future__ import annotations

from pathlib import Path

import click

from taskdesk.cli.session import Session, pass_session
from taskdesk.cli.terminal import err, say
from taskdesk.jobs.artifacts import FolderStore
from taskdesk.jobs.moving import move_files
from taskdesk.service.object_store import place_of


@click.group()
def artifacts() -> None:
    """Manage the files of jobs."""


@artifacts.command()
@click.argument("folder", required=False, type=click.Path(exists=True, file_okay=False, path_type=Path))
@pass_session
def move(session: Session, folder: Path | None) -> None:
    """Move the files in FOLDER to the bucket of ARTIFACTS. [default: DATA_DIR/artifacts]

    Stop web and workers before, and start them with the bucket afterwards. If the command is interrupted, start it
    again: it goes on with what is left.
    """
    settings = session.settings
    if not place_of(settings.artifacts):
        raise click.UsageError("Set ARTIFACTS to the bucket that the files go to, such as s3://files/desk.")
    folder = folder or settings.data_dir / "artifacts"
    jobs = files = size = left = 0
    for moved in move_files(session.desk, FolderStore(folder)):
        jobs, left = jobs + moved.is_known, left + (not moved.is_known)
        files, size = files + moved.files, size + moved.size
        if err.is_terminal and moved.files:
            say(f"{files:,} files, {size / 1e6:,.1f} MB …")
    session.audit("artifacts moved", settings.artifacts)
    what = f"{_count(files, 'file')} of {_count(jobs, 'job')} ({size / 1e6:,.1f} MB)"
    click.echo(f"Moved {what} from {folder} to {settings.artifacts}.")
    if left:
        say(f"Files stay of {_count(left, 'job')} that Redis does not know: the worker removes them, or you do.")


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"
