"""Users and API tokens."""

from __future__ import annotations

import sys

import click

from taskdesk.cli.session import Session, pass_session
from taskdesk.cli.terminal import format_time, print_table, say
from taskdesk.service.accounts import ROLES, Accounts, token_id

_role = click.Choice(ROLES)


@click.group()
def user() -> None:
    """Manage the users that may log in."""


@user.command("add")
@click.argument("name")
@click.option("--role", type=_role, default="user", show_default=True, help="Role of the user.")
@click.option("--password-stdin", "from_stdin", is_flag=True, help="Read the password from standard input.")
@pass_session
def add_user(session: Session, name: str, role: str, from_stdin: bool) -> None:
    """Add the user NAME, or give an existing user a new password and role."""
    password = (
        sys.stdin.readline().rstrip("\r\n")
        if from_stdin
        else click.prompt("Password", hide_input=True, confirmation_prompt=True, err=True)
    )
    _accounts(session).put_user(name, password, role)
    session.audit("add_user", name)
    say(f"User {name} can log in, with the role {role}.")


@user.command("list")
@pass_session
def list_users(session: Session) -> None:
    """List the users, also disabled ones."""
    accounts = _accounts(session)
    users, _ = accounts.read()
    disabled = accounts.disabled()
    rows = [
        (one.name, one.role, format_time(one.created_at), "disabled" if name not in users else "")
        for name, one in sorted((disabled | users).items())
    ]
    print_table(("USER", "ROLE", "ADDED (UTC)", "STATE"), rows)


@user.command("remove")
@click.argument("name")
@pass_session
def remove_user(session: Session, name: str) -> None:
    """Remove the user NAME and all tokens of the user. Sessions end within 5 seconds."""
    _accounts(session).remove_user(name)
    session.audit("remove_user", name)
    say(f"User {name} is removed.")


@click.group()
def token() -> None:
    """Manage the tokens for the API."""


@token.command("add")
@click.option("--user", "user_name", required=True, help="User that the token acts for.")
@click.option("--name", required=True, help="Name of the token, such as ci.")
@click.option("--role", type=_role, help="Highest role of the token.  [default: the role of its user]")
@click.option("--days", type=click.IntRange(1, 3650), help="Days after which it expires.  [default: never]")
@pass_session
def add_token(session: Session, user_name: str, name: str, role: str | None, days: int | None) -> None:
    """Create a token and print it. It can't be shown again."""
    text = _accounts(session).add_token(user_name, name, role, days)
    session.audit("add_token", token_id(text))
    click.echo(text)
    say(f"The id of the token is {token_id(text)}. Save the token now: it can't be shown again.")


@token.command("list")
@pass_session
def list_tokens(session: Session) -> None:
    """List the tokens by id, user, name and role; the tokens themselves are not stored."""
    _, tokens = _accounts(session).read()
    by_user = sorted(tokens.values(), key=lambda one: (one.user, one.name))
    rows = [
        (one.id, one.user, one.name, one.role, format_time(one.created_at), format_time(one.expires_at))
        for one in by_user
    ]
    print_table(("ID", "USER", "NAME", "ROLE", "ADDED (UTC)", "EXPIRES (UTC)"), rows)


@token.command("revoke")
@click.argument("token_id")
@pass_session
def revoke_token(session: Session, token_id: str) -> None:
    """Revoke the token with this id. It stops working within 5 seconds."""
    _accounts(session).revoke_token(token_id)
    session.audit("revoke_token", token_id)
    say(f"Token {token_id} is revoked.")


def _accounts(session: Session) -> Accounts:
    return Accounts(session.desk.redis)
