"""Authority stands at the route: a decorator on its view says who may use it.

    @public                no login
    @reads                 any login; the view changes nothing, even if it answers POST
    @shows_to("operator")  a read, allowed for this role and for higher ones
    @needs("operator")     a write, allowed for this role and for higher ones

An unmarked view that answers GET reads; an unmarked write needs an operator.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar, TypeVar

from taskdesk.service.accounts import ROLES, Identity
from taskdesk.service.errors import AppError
from taskdesk.service.hosts import SAFE_METHODS

LOWEST, HIGHEST = ROLES[0], ROLES[-1]
View = TypeVar("View", bound=Callable[..., Any])


class NotLoggedIn(AppError):
    """Not logged in: the route needs a login."""

    status = 401
    headers: ClassVar = {"WWW-Authenticate": "Bearer"}

    def __init__(self) -> None:
        super().__init__("Log in on the page /login, or send a valid token: Authorization: Bearer td_…")


class NotAllowed(AppError):
    """Not allowed: the user's role is too low, or the job belongs to another user."""

    status = 403


@dataclass(frozen=True)
class Access:
    """`role`: the lowest role that may use a route; None if it needs no login. `writes`: it changes something."""

    role: str | None
    writes: bool


def public(view: View) -> View:
    """Let requests in without a login. A POST counts as a write."""
    view.access = (None, None)  # type: ignore[attr-defined]
    return view


def reads(view: View) -> View:
    """Let every login in, and treat no request as a write."""
    view.access = (LOWEST, False)  # type: ignore[attr-defined]
    return view


def shows_to(role: str) -> Callable[[View], View]:
    """Let this role and higher ones in, and treat no request as a write."""

    def mark(view: View) -> View:
        view.access = (role, False)  # type: ignore[attr-defined]
        return view

    return mark


def needs(role: str) -> Callable[[View], View]:
    """Let this role and higher ones in, and treat every request, even a GET, as a write."""

    def mark(view: View) -> View:
        view.access = (role, True)  # type: ignore[attr-defined]
        return view

    return mark


def access_of(view: Callable[..., Any] | None, method: str) -> Access:
    """Return what a view asks of a request with this method.

    `view` is None if no route fits: then any login is enough to learn that there is none.
    """
    is_safe = method in SAFE_METHODS
    unmarked = LOWEST if is_safe or view is None else HIGHEST
    role, writes = getattr(view, "access", (unmarked, None))
    return Access(role, not is_safe if writes is None else writes)


def is_allowed(access: Access, user: Identity | None) -> bool:
    return access.role is None or (user is not None and user.has_role(access.role))


def check_role(access: Access, user: Identity | None) -> None:
    """Raise NotLoggedIn or NotAllowed unless `user` has this access."""
    if is_allowed(access, user):
        return
    if user is None:
        raise NotLoggedIn()
    if access.role:
        raise NotAllowed(f"Your role is {user.role}, and this needs the role {access.role}.")
