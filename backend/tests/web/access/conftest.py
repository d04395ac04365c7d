"""A desk with a login, its users, and a client for each of them."""

from __future__ import annotations

import pytest
from pydantic import SecretStr
from werkzeug.security import generate_password_hash

from taskdesk.service.accounts import Accounts
from taskdesk.web.access import identity
from taskdesk.web.application import create_app
from tests.conformity import ConformityClient
from tests.web.access.people import PASSWORD, SECRET, USERS, log_in

QUICK = "pbkdf2:sha256:1"  # what we use ourselves takes a tenth of a second
HASH = generate_password_hash(PASSWORD, QUICK)


@pytest.fixture
def accounts(redis, monkeypatch):
    with monkeypatch.context() as quick:
        quick.setattr("taskdesk.service.accounts.generate_password_hash", lambda *_: HASH)
        for name, role in USERS.items():
            Accounts(redis).put_user(name, PASSWORD, role)
    return Accounts(redis)


@pytest.fixture
def make_app(web_settings, registry, monkeypatch):
    monkeypatch.setattr(
        "taskdesk.web.access.identity.generate_password_hash", lambda text: generate_password_hash(text, QUICK)
    )

    def make(**settings):
        app = create_app(web_settings.model_copy(update={"auth": True, "secret_key": SecretStr(SECRET), **settings}))
        app.test_client_class = ConformityClient
        return app

    return make


@pytest.fixture
def app(make_app, accounts):
    return make_app()


@pytest.fixture
def client(app):
    """A client without credentials."""
    return app.test_client()


@pytest.fixture
def bearer(app, accounts):
    """Return a client for a user, with a token."""
    tokens = {name: accounts.add_token(name, "test") for name in USERS}

    def client(name):
        made = app.test_client()
        made.environ_base["HTTP_AUTHORIZATION"] = f"Bearer {tokens[name]}"
        return made

    return client


@pytest.fixture
def signed_in(app):
    """Return a client for a user, with a session."""

    def client(name):
        made = app.test_client()
        assert log_in(made, name).status_code == 303
        return made

    return client


@pytest.fixture
def always_fresh(monkeypatch):
    monkeypatch.setattr(identity, "FRESH_SECONDS", 0)
    monkeypatch.setattr(identity.Authenticator._read, "__defaults__", (0,))
