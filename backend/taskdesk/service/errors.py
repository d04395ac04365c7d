"""Errors that a user may see: each has a sentence and the HTTP status to answer with."""

from __future__ import annotations

RETRY_AFTER_SECONDS = {429: 5, 503: 5}  # the header Retry-After of the answers with these statuses


class AppError(Exception):
    """An error that a user has made or can fix."""

    status = 500

    @property
    def title(self) -> str:
        """Return the kind of error in words: the docstring of the class up to its colon."""
        return (type(self).__doc__ or "").split(":")[0].rstrip(".")


class SettingsError(AppError):
    """Wrong settings: a program can't start with them."""

    def __init__(self, problems: list[str]):
        self.problems = problems
        super().__init__("The settings are wrong:\n" + "\n".join(f"  - {problem}" for problem in problems))


class RedisAway(AppError):
    """Queue unavailable: Redis does not answer."""

    status = 503

    def __init__(self) -> None:
        super().__init__("The queue can't be reached at the moment. Please try again shortly.")


class NoRoom(AppError):
    """No room: the same request may succeed later."""

    status = 503


class RedisFull(NoRoom):
    """Redis full: the rest of its memory is reserved for the results of jobs."""

    def __init__(self, used: int = 0, limit: int = 0, share: float = 0):
        figures = ""
        if limit:
            figures = f": {used / limit:.0%} of its {limit / 1e6:,.0f} MB are in use, and jobs fill {share:.0%} at most"
        super().__init__(
            f"Redis has no room for more{figures}. Nothing was done: try again later. An operator makes room by "
            "deleting jobs, or by a larger maxmemory."
        )
