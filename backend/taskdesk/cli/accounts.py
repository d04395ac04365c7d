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
    """Add, list and remove those who may log in."""


@user.command("add")
@click.argument("name")
@click.option("--role", type=_role, default="user", show_default=True, help="What the user may.")
@click.option("--password-stdin", "from_stdin", is_flag=True, help="Read the password from the standard input.")
@pass_session
def add_user(session: Session, name: str, role: str, from_stdin: bool) -> None:
    """Let NAME log in; one who may already gets another password and role."""
    password = (
        sys.stdin.readline().rstrip("\r\n")
        if from_stdin
        else click.prompt("Password", hide_input=True, confirmation_prompt=True, err=True)
    )
    _accounts(session).put_user(name, password, role)
    session.audit("add_user", name)
    say(f"{name} may log in, as {role}.")


@user.command("list")
@pass_session
def list_users(session: Session) -> None:
    """List the users."""
    users, _ = _accounts(session).read()
    rows = [(one.name, one.role, format_time(one.created_at)) for _, one in sorted(users.items())]
    print_table(("USER", "ROLE", "ADDED (UTC)"), rows)


@user.command("remove")
@click.argument("name")
@pass_session
def remove_user(session: Session, name: str) -> None:
    """Remove NAME, with all tokens; sessions end within 5 seconds."""
    _accounts(session).remove_user(name)
    session.audit("remove_user", name)
    say(f"{name} is removed.")


@click.group()
def token() -> None:
    """Add, list and revoke the tokens of the API."""


@token.command("add")
@click.option("--user", "user_name", required=True, help="The user that the token acts for.")
@click.option("--name", required=True, help="What it is for, such as ci.")
@click.option("--role", type=_role, help="The most that it may; that of its user, unless told.")
@pass_session
def add_token(session: Session, user_name: str, name: str, role: str | None) -> None:
    """Make a token, and print it: it is shown only now."""
    text = _accounts(session).add_token(user_name, name, role)
    session.audit("add_token", token_id(text))
    click.echo(text)
    say(f"Its id is {token_id(text)}. It is kept nowhere: note it now.")


@token.command("list")
@pass_session
def list_tokens(session: Session) -> None:
    """List the tokens, without what they are."""
    _, tokens = _accounts(session).read()
    by_user = sorted(tokens.values(), key=lambda one: (one.user, one.name))
    rows = [(one.id, one.user, one.name, one.role, format_time(one.created_at)) for one in by_user]
    print_table(("ID", "USER", "NAME", "ROLE", "ADDED (UTC)"), rows)


@token.command("revoke")
@click.argument("token_id")
@pass_session
def revoke_token(session: Session, token_id: str) -> None:
    """Take the token with this id back: it is refused within 5 seconds."""
    _accounts(session).revoke_token(token_id)
    session.audit("revoke_token", token_id)
    say(f"Token {token_id} is revoked.")


def _accounts(session: Session) -> Accounts:
    return Accounts(session.desk.redis)
