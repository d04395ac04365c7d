"""Tasks that say when they are tried again."""

import time

from taskdesk import Backoff, RetryLater, task

AT_ONCE = Backoff(first=0)


class Timeout(Exception):
    """An error of a library, with the name that an error of ours also has."""


ERRORS = {
    "Timeout": Timeout,
    "OSError": OSError,
    "ConnectionError": ConnectionError,
    "ValueError": ValueError,
    "KeyError": KeyError,
}


@task(retries=1, backoff=AT_ONCE, retry_on=(OSError, KeyError), give_up_on=(ConnectionError,))
def fails_with(error: str) -> None:
    """Raise this error."""
    raise ERRORS[error]("as told")


@task(retries=1, backoff=AT_ONCE, retry_on=OSError, timeout=1)
def takes_too_long() -> None:
    """Run into the time limit, which is no error of the function."""
    time.sleep(30)


@task(retries=1, backoff=AT_ONCE, give_up_on=BaseException)
def asks_for_later(seconds: float) -> None:
    """Ask for another attempt, each time."""
    try:
        raise ConnectionError("too many requests")
    except ConnectionError as error:
        raise RetryLater(seconds) from error


@task(at_most_once=True)
def asks_for_later_without_retries() -> None:
    """Ask for an attempt that there can't be."""
    raise RetryLater(1)


@task(at_most_once=True)
def echoes_once(text: str) -> str:
    """Return the text. A job that is to run at most once is never prefetched."""
    return text


@task(retries=3, backoff=Backoff(first=10, factor=3, most=60))
def waits_long() -> None:
    """Fail, and be tried again after a long time."""
    raise ConnectionError("not yet")
