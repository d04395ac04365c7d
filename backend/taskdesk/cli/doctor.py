"""The command `doctor`: say what of an RQ installation works with Taskdesk, and what is to be changed."""

from __future__ import annotations

from collections.abc import Iterable, Sized
from contextlib import suppress

import click
from redis import Redis
from redis.exceptions import NoPermissionError

from taskdesk.cli.program import ExitStatus
from taskdesk.cli.session import REDIS_TIMEOUT_SECONDS, Session, pass_session
from taskdesk.cli.terminal import printable, say
from taskdesk.jobs.diagnosis import Finding, diagnose, worker_settings
from taskdesk.jobs.survey import Survey, survey
from taskdesk.service.checks import server_problems
from taskdesk.service.redis import connect_with_timeout
from taskdesk.service.redis_rights import line_of_rights, missing_right, refusal_of_server
from taskdesk.service.redis_url import check_redis_url


@click.command()
@click.option("--redis", "url", help="Address of the Redis of RQ, such as redis://HOST:6379/0. [default: REDIS_URL]")
@pass_session
@click.pass_context
def doctor(ctx: click.Context, session: Session, url: str | None) -> None:
    """Look at a running RQ installation: what works with Taskdesk as it is, and which lines to change.

    Nothing is changed, and no pickle is loaded. The exit status is 1 if there is something to change.
    """
    if url:
        session.redis_url = _checked(url)
    redis = connect_with_timeout(session.redis_url, REDIS_TIMEOUT_SECONDS)
    if refusal := refusal_of_server(redis):
        say(refusal)
        ctx.exit(ExitStatus.WRONG_USAGE)
    found = survey(redis)
    findings = [*_server(redis), *diagnose(found)]
    _print(session.redis_address, found, findings)
    ctx.exit(ExitStatus.SUCCESS if all(finding.works for finding in findings) else ExitStatus.FAILED)


def _checked(url: str) -> str:
    try:
        check_redis_url(url)
    except ValueError as error:
        raise click.UsageError(f"--redis: {error}") from None
    return url


def _server(redis: Redis) -> Iterable[Finding]:
    if problem := missing_right(redis):
        yield Finding(problem, False, (line_of_rights(),))
    with suppress(NoPermissionError):  # to ask for the settings of the server
        yield from (Finding(problem, False) for problem in server_problems(redis))


def _print(address: str, found: Survey, findings: list[Finding]) -> None:
    queues, workers = _count(found.queues, "queue"), _count(found.workers, "worker")
    click.echo(f"RQ at {address}: {queues}, {workers}")
    if not found.queues:
        click.echo("There are no queues of RQ. Is this the right database? With a key prefix, set RQ_KEY_PREFIX.")
    for title, works in (("Works as it is", True), ("To change", False)):
        chosen = [finding for finding in findings if finding.works is works]
        if chosen:
            click.echo(f"\n{title}:")
        for finding in chosen:
            _print_lines(f"  - {finding.sentence}", *(f"        {line}" for line in finding.lines))
    if settings := worker_settings(found):
        click.echo()
        _print_lines("Settings of our worker, beside REDIS_URL:", *(f"    {line}" for line in settings))


def _print_lines(first: str, *others: str) -> None:
    """Names come from Redis: nothing in them may steer the terminal."""
    click.echo("\n".join(map(printable, (first, *others))))


def _count(found: Sized, noun: str) -> str:
    return f"{len(found):,} {noun}{'' if len(found) == 1 else 's'}"
