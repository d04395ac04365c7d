"""Changes of accounts by operators in the browser and the API. They leave at least one operator who can log in.

A new user has no password: a link, which works once and for LINK_SECONDS, leads to a page that sets it. A disabled
user is in another hash than the users, so a web process of an earlier version does not let the user in either.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from redis import Redis
from redis.client import Pipeline

from taskdesk.service import clock
from taskdesk.service.accounts import (
    DISABLED_KEY,
    LINKS_KEY,
    TOKENS_KEY,
    USERS_KEY,
    InvalidAccount,
    User,
    UserNotFound,
    check_name,
    check_role,
    digests_of,
    load_users,
    token_digest,
    user_record,
)
from taskdesk.service.errors import AppError

LINK_SECONDS = 3 * 24 * 3600
MAX_USERS = 1_000  # each web process reads all of them every 5 seconds


class UserExists(AppError):
    """User exists: another user has this name."""

    status = 409


class LastOperator(AppError):
    """Last operator: without this user, nobody could manage users any more."""

    status = 409

    def __init__(self, name: str):
        super().__init__(f"{name} is the last operator who can log in. Make another user an operator first.")


class LinkEnded(AppError):
    """Link not valid: it was used, has expired, or was replaced by a newer one."""

    status = 410

    def __init__(self) -> None:
        super().__init__(
            "This link was used, has expired, or was replaced by a newer one. Ask an operator for another."
        )


@dataclass(frozen=True)
class Person:
    """A user, also a disabled one. `link_ends_at`: until when a link can set the password."""

    user: User
    is_disabled: bool = False
    link_ends_at: datetime | None = None

    @property
    def is_operator(self) -> bool:
        """Return True if the user can log in as an operator."""
        return self.user.role == "operator" and bool(self.user.password) and not self.is_disabled


class People:
    """`admin`: the name of the operator that the settings make; empty if there is none."""

    def __init__(self, redis: Redis, admin: str):
        self._redis = redis
        self._admin = admin

    def all(self) -> dict[str, Person]:
        """Return all users by name, in order. The one of the settings is no part of them."""
        with self._redis.pipeline(transaction=False) as pipeline:
            found = _load(pipeline.hgetall(USERS_KEY).hgetall(DISABLED_KEY).hgetall(LINKS_KEY).execute())
        return dict(sorted(found.items()))

    def get(self, name: str) -> Person:
        """Raises UserNotFound."""
        people = self.all()
        if name not in people:
            raise UserNotFound(name)
        return people[name]

    def add(self, name: str, role: str) -> str:
        """Add a user, and return the key of the link with which the user sets a password.

        Raises InvalidAccount, UserExists.
        """
        check_name(name)
        check_role(role)
        key = secrets.token_urlsafe(32)

        def add(people: dict[str, Person], pipeline: Pipeline) -> None:
            if name in people or name == self._admin:
                raise UserExists(f"There is a user {name} already.")
            if len(people) >= MAX_USERS:
                raise InvalidAccount(f"There are {MAX_USERS:,} users already. Remove some first.")
            pipeline.hset(USERS_KEY, name, user_record(User(name, role, "", clock.utc_now())))
            _set_link(pipeline, name, key)

        self._change(add)
        return key

    def set_role(self, name: str, role: str) -> None:
        """Raises InvalidAccount, UserNotFound, LastOperator."""
        check_role(role)
        self._edit(name, lambda person: replace(person, user=replace(person.user, role=role)))

    def disable(self, name: str) -> None:
        """Let the user in no more, by password or token, until `enable`. Raises UserNotFound, LastOperator."""
        self._edit(name, lambda person: replace(person, is_disabled=True))

    def enable(self, name: str) -> None:
        """Raises UserNotFound."""
        self._edit(name, lambda person: replace(person, is_disabled=False))

    def set_password(self, name: str, hashed: str) -> None:
        """Raises UserNotFound."""
        self._edit(name, lambda person: replace(person, user=replace(person.user, password=hashed)))

    def remove(self, name: str) -> None:
        """Remove the user and all tokens of the user. Raises UserNotFound, LastOperator."""

        def remove(people: dict[str, Person], pipeline: Pipeline) -> None:
            self._check_operators(people, name, None)
            if digests:
                pipeline.hdel(TOKENS_KEY, *digests)
            pipeline.hdel(USERS_KEY, name).hdel(DISABLED_KEY, name).hdel(LINKS_KEY, name)

        digests = digests_of(self._redis, name)
        self._change(remove)

    def new_link(self, name: str) -> str:
        """Return the key of a new link that sets the password of a user; an earlier one ends. Raises UserNotFound."""
        key = secrets.token_urlsafe(32)

        def add(people: dict[str, Person], pipeline: Pipeline) -> None:
            if name not in people:
                raise UserNotFound(name)
            _set_link(pipeline, name, key)

        self._change(add)
        return key

    def of_link(self, key: str) -> Person:
        """Return the user whose password this link can set. Raises LinkEnded."""
        for name, stored in self._redis.hgetall(LINKS_KEY).items():
            if json.loads(stored)["digest"] == token_digest(key):
                person = self.all().get(name.decode())
                if person and not person.is_disabled and person.link_ends_at and person.link_ends_at > clock.utc_now():
                    return person
        raise LinkEnded()

    def use_link(self, key: str, hashed: str) -> User:
        """Set the password of the user of this link, which then ends. Raises LinkEnded."""
        name = self.of_link(key).user.name

        def use(people: dict[str, Person], pipeline: Pipeline) -> None:
            self.of_link(key)  # nobody else has used it meanwhile: the transaction watches the links
            user = replace(people[name].user, password=hashed)
            pipeline.hset(USERS_KEY, name, user_record(user)).hdel(LINKS_KEY, name)

        self._change(use)
        return self.get(name).user

    def _edit(self, name: str, edit: Callable[[Person], Person]) -> None:
        def change(people: dict[str, Person], pipeline: Pipeline) -> None:
            if name not in people:
                raise UserNotFound(name)
            after = edit(people[name])
            self._check_operators(people, name, after)
            home, other = (DISABLED_KEY, USERS_KEY) if after.is_disabled else (USERS_KEY, DISABLED_KEY)
            pipeline.hset(home, name, user_record(after.user)).hdel(other, name)

        self._change(change)

    def _check_operators(self, people: dict[str, Person], name: str, after: Person | None) -> None:
        if name not in people:
            raise UserNotFound(name)
        others = [one for one in people.values() if one.is_operator and one.user.name != name]
        if people[name].is_operator and not (after and after.is_operator) and not others and not self._admin:
            raise LastOperator(name)

    def _change(self, change: Callable[[dict[str, Person], Pipeline], None]) -> None:
        """Apply `change` to the users as they are; it comes again if another one has changed them meanwhile."""

        def attempt(pipeline: Pipeline) -> None:
            people = _load([pipeline.hgetall(key) for key in (USERS_KEY, DISABLED_KEY, LINKS_KEY)])
            pipeline.multi()
            change(people, pipeline)

        self._redis.transaction(attempt, USERS_KEY, DISABLED_KEY, LINKS_KEY)


def _load(stored: list[dict[bytes, bytes]]) -> dict[str, Person]:
    users, disabled, links = stored
    ends = {name.decode(): datetime.fromisoformat(json.loads(link)["ends"]) for name, link in links.items()}
    people = {name: Person(user, True, ends.get(name)) for name, user in load_users(disabled).items()}
    return people | {name: Person(user, False, ends.get(name)) for name, user in load_users(users).items()}


def _set_link(pipeline: Pipeline, name: str, key: str) -> None:
    ends = (clock.utc_now() + timedelta(seconds=LINK_SECONDS)).isoformat(timespec="seconds")
    pipeline.hset(LINKS_KEY, name, json.dumps({"digest": token_digest(key), "ends": ends}))
