"""The command `tasks`."""

from __future__ import annotations

import click

from taskdesk.cli.session import Session, pass_session
from taskdesk.cli.terminal import json_flag, print_json, print_table, say
from taskdesk.jobs.catalog import TaskSpec
from taskdesk.jobs.representations import task_objects


@click.command()
@json_flag
@pass_session
def tasks(session: Session, as_json: bool) -> None:
    """List the tasks that the workers have announced."""
    announced = session.desk.catalog.read()
    if as_json:
        data = task_objects(session.desk, list(announced.tasks.values()))
        print_json({"data": data, "broken": [module.model_dump() for module in announced.broken]})
        return
    rows = [(spec.name, _parameters(spec), spec.queue, spec.title) for spec in announced.tasks.values()]
    print_table(("TASK", "PARAMETERS", "QUEUE", "TITLE"), rows)
    for module in announced.broken:
        say(f"Could not load {module.module}: {module.error}")


def _parameters(spec: TaskSpec) -> str:
    """Return the names of the parameters, optional ones in brackets."""
    required = spec.input_schema.get("required", [])
    return " ".join(name if name in required else f"[{name}]" for name in spec.parameters)
