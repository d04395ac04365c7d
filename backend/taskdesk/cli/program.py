"""The program: its commands, and how it ends. Whatever goes wrong is a sentence and a status, never a traceback."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from typing import Any

import click
from redis.exceptions import AuthenticationError, ConnectionError, RedisError, TimeoutError

from taskdesk.cli.session import Session
from taskdesk.cli.terminal import say
from taskdesk.jobs.errors import InvalidArguments
from taskdesk.jobs.job import Job
from taskdesk.service.checks import explain_denied_access
from taskdesk.service.errors import AppError

DONE, FAILED, USAGE, AWAY, UNKNOWN, INTERRUPTED, BROKEN_PIPE = 0, 1, 2, 3, 4, 130, 141
_BY_HTTP = {404: UNKNOWN, 410: UNKNOWN, 409: FAILED, 429: AWAY, 503: AWAY}

EPILOG = """\b
Exit status:
  0  done
  1  the job failed or was canceled, or is not (yet) in a state for this
  2  wrong usage, settings or arguments
  3  not now: Redis can't be reached, or there is no room
  4  there is no such task, job, queue, user or token
"""


class Program(click.Group):
    def invoke(self, ctx: click.Context) -> Any:
        session = ctx.ensure_object(Session)
        try:
            return super().invoke(ctx)
        except BrokenPipeError:
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # or it complains when Python ends
            ctx.exit(BROKEN_PIPE)
        except KeyboardInterrupt:
            ctx.exit(INTERRUPTED)
        except UnicodeEncodeError:
            say("An argument is no text in UTF-8.")
            ctx.exit(USAGE)
        except (AppError, RedisError, OSError) as error:
            for sentence in _sentences(error, session):
                say(sentence)
            ctx.exit(exit_status_for(error))


def exit_status_of(job: Job) -> int:
    return DONE if job.status == "succeeded" else FAILED


def exit_status_for(error: Exception) -> int:
    if isinstance(error, RedisError):
        return AWAY
    return _BY_HTTP.get(error.status, USAGE) if isinstance(error, AppError) else USAGE


def _sentences(error: Exception, session: Session) -> Iterator[str]:
    if isinstance(error, InvalidArguments):
        yield from (f"{field.pointer.lstrip('/') or 'the arguments'}: {field.detail}" for field in error.errors)
    elif isinstance(error, AuthenticationError):
        yield explain_denied_access(error)
    elif isinstance(error, (ConnectionError, TimeoutError)):
        yield f"Redis can't be reached at {session.redis_address}: {error}"
        yield "Is `make run` running, with the same DATA_DIR? Or set REDIS_URL."
    elif isinstance(error, RedisError):
        yield f"Redis at {session.redis_address} says: {error}"
    else:
        yield str(error)
