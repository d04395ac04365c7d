"""Unsafe settings of the login are refused at start."""

from __future__ import annotations

import pytest

from taskdesk.service.checks import find_problems
from taskdesk.service.errors import SettingsError
from taskdesk.service.settings import load
from taskdesk.web.settings import WebSettings


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"auth": "on", "secret_key": "k" * 31}, "SECRET_KEY: it needs at least 32 bytes"),
        ({"auth": "on"}, "SECRET_KEY: it needs at least 32 bytes"),
        ({"admin_password": "short-s3cret"[:11]}, "ADMIN_PASSWORD: it needs at least 12 bytes"),
        ({"rate_limit": "often"}, "RATE_LIMIT: it has to be a number per unit of time"),
    ],
)
def test_a_setting_that_is_not_safe_is_refused(settings, sentence):
    with pytest.raises(SettingsError) as refused:
        load(WebSettings, **settings)

    assert sentence in str(refused.value)
    assert "k" * 31 not in str(refused.value)
    assert "short-s3cre" not in str(refused.value)


def test_prod_needs_a_login_and_refuses_to_start_without_its_settings():
    assert WebSettings(_env_file=None, env="prod").auth
    assert not WebSettings(_env_file=None).auth
    assert "AUTH is off" in " ".join(find_problems(WebSettings(_env_file=None, env="prod", auth="off")))
    assert "SECRET_KEY is missing" in " ".join(find_problems(WebSettings(_env_file=None, env="prod")))
