"""The command line, for operators and scripts. It uses Redis and the data folder directly: the web need not run."""

from __future__ import annotations

import click

from taskdesk.cli.accounts import token, user
from taskdesk.cli.alerts import alerts
from taskdesk.cli.artifacts import artifacts
from taskdesk.cli.doctor import doctor
from taskdesk.cli.failures import failures
from taskdesk.cli.jobs import ACTION_COMMANDS, list_jobs
from taskdesk.cli.new import new
from taskdesk.cli.program import EPILOG, Program
from taskdesk.cli.queues import pause, queues, resume, workers
from taskdesk.cli.result import result
from taskdesk.cli.schedules import schedules
from taskdesk.cli.start import dashboard, run, web, worker
from taskdesk.cli.submit import submit
from taskdesk.cli.tasks import tasks
from taskdesk.cli.watch import watch
from taskdesk.cli.webhooks import webhook
from taskdesk.version import VERSION


@click.group(cls=Program, epilog=EPILOG, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(VERSION, message="%(prog)s %(version)s")
def program() -> None:
    """Start the desk, submit tasks, and manage jobs, queues, users and tokens.

    The commands use the Redis of REDIS_URL, or else the one that `taskdesk run` or `make run` has started.
    """


COMMANDS = (
    new,
    run,
    web,
    worker,
    dashboard,
    submit,
    tasks,
    watch,
    result,
    list_jobs,
    *ACTION_COMMANDS,
    failures,
    queues,
    pause,
    resume,
    workers,
    schedules,
    alerts,
    user,
    token,
    webhook,
    artifacts,
    doctor,
)
for command in COMMANDS:
    program.add_command(command)
