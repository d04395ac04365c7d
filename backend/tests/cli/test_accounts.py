"""Users and API tokens on the command line. A secret is shown once and stored as a hash."""

from __future__ import annotations

import pytest
from click.testing import CliRunner
from werkzeug.security import check_password_hash

from taskdesk.cli import program
from taskdesk.service.accounts import TOKENS_KEY, USERS_KEY, Accounts, token_digest
from taskdesk.service.people import People

PASSWORD = "correct horse battery"


@pytest.fixture
def add_user(redis_url, tmp_path):
    def add(name, *options, typed=f"{PASSWORD}\n"):
        env = {"REDIS_URL": redis_url, "DATA_DIR": str(tmp_path)}
        return CliRunner().invoke(program, ["user", "add", name, *options], env=env, input=typed)

    return add


def test_a_user_is_added_listed_and_removed(run, add_user):
    added = add_user("ann", "--role", "operator", "--password-stdin")
    listed = run("user", "list").stdout
    removed = run("user", "remove", "ann")

    assert added.exit_code == removed.exit_code == 0
    assert "ann\toperator\t" in listed
    assert "ann" not in run("user", "list").stdout


def test_a_password_is_asked_for_twice_and_not_shown(redis, add_user):
    done = add_user("ann", typed=f"{PASSWORD}\n{PASSWORD}\n")

    users, _ = Accounts(redis).read()
    assert done.exit_code == 0
    assert check_password_hash(users["ann"].password, PASSWORD)
    assert PASSWORD not in done.output


def test_a_password_is_kept_as_a_hash_and_can_be_changed(redis, add_user):
    add_user("ann", "--password-stdin")
    first = redis.hget(USERS_KEY, "ann").decode()
    add_user("ann", "--password-stdin", "--role", "viewer", typed="another long one\n")

    users, _ = Accounts(redis).read()
    assert '"scrypt:' in first
    assert PASSWORD not in first
    assert (users["ann"].role, check_password_hash(users["ann"].password, PASSWORD)) == ("viewer", False)


@pytest.mark.parametrize(("name", "password"), [("ann", "too short"), ("a\x1bb", PASSWORD), ("a" * 65, PASSWORD)])
def test_a_short_password_or_a_strange_name_is_refused(redis, add_user, name, password):
    assert add_user(name, "--password-stdin", typed=f"{password}\n").exit_code == 2
    assert redis.hlen(USERS_KEY) == 0


def test_a_token_is_shown_once_listed_by_its_id_and_revoked(run, add_user, redis):
    add_user("ann", "--password-stdin")
    made = run("token", "add", "--user", "ann", "--name", "ci")
    text = made.stdout.strip()
    token_id = token_digest(text)[:12]

    listed = run("token", "list").stdout
    assert text.startswith("td_")
    assert token_id in made.stderr
    assert f"{token_id}\tann\tci\tuser\t" in listed
    assert text not in listed + repr(redis.hgetall(TOKENS_KEY))
    assert run("token", "revoke", token_id).exit_code == 0
    assert redis.hlen(TOKENS_KEY) == 0


def test_a_token_can_expire_and_a_disabled_user_is_listed(run, add_user, redis):
    add_user("ann", "--password-stdin")
    add_user("bob", "--password-stdin")
    run("token", "add", "--user", "ann", "--name", "ci", "--days", "30")
    [token] = Accounts(redis).read()[1].values()
    People(redis, "").disable("bob")

    listed = run("user", "list").stdout
    assert 29 < (token.expires_at - token.created_at).days <= 30
    assert f"{token.expires_at:%Y-%m-%d}" in run("token", "list").stdout
    assert [line.split("\t")[-1] for line in listed.splitlines() if "bob" in line] == ["disabled"]
    add_user("bob", "--password-stdin")  # a new password enables
    assert "disabled" not in run("user", "list").stdout


def test_removing_a_user_removes_the_tokens(run, add_user, redis):
    for name in ("ann", "bob"):
        add_user(name, "--password-stdin")
        run("token", "add", "--user", name, "--name", "ci")

    run("user", "remove", "ann")

    _, tokens = Accounts(redis).read()
    assert [token.user for token in tokens.values()] == ["bob"]


@pytest.mark.parametrize(
    "arguments", [("user", "remove", "eve"), ("token", "revoke", "0"), ("token", "add", "--user", "eve", "--name", "a")]
)
def test_an_unknown_user_or_token_ends_with_4(run, arguments):
    assert run(*arguments).exit_code == 4
