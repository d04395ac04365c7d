"""How the program ends: every error becomes a sentence and an exit status, never a traceback."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from enum import IntEnum
from typing import Any

import click
from redis.exceptions import AuthenticationError, ConnectionError, NoPermissionError, RedisError, TimeoutError

from taskdesk.cli.session import Session
from taskdesk.cli.terminal import say
from taskdesk.jobs.errors import InvalidArguments
from taskdesk.jobs.job import Job
from taskdesk.service.checks import explain_denied_access
from taskdesk.service.errors import AppError
from taskdesk.service.redis_rights import explain_missing_right


class ExitStatus(IntEnum):
    """The exit statuses; EPILOG explains them."""

    SUCCESS = 0
    FAILED = 1
    WRONG_USAGE = 2
    TRY_LATER = 3
    NOT_FOUND = 4
    INTERRUPTED = 130
    BROKEN_PIPE = 141


_BY_HTTP_STATUS = {
    404: ExitStatus.NOT_FOUND,
    410: ExitStatus.NOT_FOUND,
    409: ExitStatus.FAILED,
    429: ExitStatus.TRY_LATER,
    503: ExitStatus.TRY_LATER,
}

EPILOG = """\b
Exit status:
  0  success
  1  the job failed or was canceled, or its status does not allow this
  2  wrong usage, settings or arguments
  3  try again later: Redis can't be reached, or there is no room
  4  there is no such task, job, queue, schedule, rule, channel, user or token
"""


class Program(click.Group):
    def invoke(self, ctx: click.Context) -> Any:
        session = ctx.ensure_object(Session)
        try:
            return super().invoke(ctx)
        except BrokenPipeError:
            os.dup2(
                os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno()
            )  # else Python complains when it flushes stdout at its end
            ctx.exit(ExitStatus.BROKEN_PIPE)
        except KeyboardInterrupt:
            ctx.exit(ExitStatus.INTERRUPTED)
        except UnicodeEncodeError:
            say("An argument is not valid UTF-8.")
            ctx.exit(ExitStatus.WRONG_USAGE)
        except (AppError, RedisError, OSError) as error:
            for sentence in _sentences(error, session):
                say(sentence)
            ctx.exit(error_exit_status(error))


def job_exit_status(job: Job) -> ExitStatus:
    return ExitStatus.SUCCESS if job.status == "succeeded" else ExitStatus.FAILED


def error_exit_status(error: Exception) -> ExitStatus:
    if isinstance(error, (AuthenticationError, NoPermissionError)):
        return ExitStatus.WRONG_USAGE
    if isinstance(error, RedisError):
        return ExitStatus.TRY_LATER
    if isinstance(error, AppError):
        return _BY_HTTP_STATUS.get(error.status, ExitStatus.WRONG_USAGE)
    return ExitStatus.WRONG_USAGE


def _sentences(error: Exception, session: Session) -> Iterator[str]:
    if isinstance(error, InvalidArguments):
        yield from (f"{field.pointer.lstrip('/') or 'the arguments'}: {field.detail}" for field in error.errors)
    elif isinstance(error, AuthenticationError):
        yield explain_denied_access(error)
    elif isinstance(error, NoPermissionError):
        yield explain_missing_right(error)
    elif isinstance(error, (ConnectionError, TimeoutError)):
        yield f"Redis can't be reached at {session.redis_address}: {error}"
        yield "Is `taskdesk run` or `make run` running, with the same DATA_DIR? Or set REDIS_URL."
    elif isinstance(error, RedisError):
        yield f"Redis at {session.redis_address} says: {error}"
    else:
        yield str(error)
