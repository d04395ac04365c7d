"""Settings: their sources, the order of these, and the errors about wrong settings."""

from __future__ import annotations

import json

import pytest
from pydantic import ValidationError

from taskdesk.service.errors import SettingsError
from taskdesk.service.settings import ROOT, AppUrl, SharedSettings, load
from taskdesk.web.settings import WebSettings
from taskdesk.worker.settings import WorkerSettings


class LinksTheDesk(SharedSettings):
    """As rq-dashboard, whose package must not be imported here: it replaces parts of RQ for the whole process."""

    app_url: AppUrl = "/"


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch):
    for name in ("WORKERS", "QUEUES", "FLASK_CONFIG", "DATA_DIR", "RESULT_TTL"):
        monkeypatch.delenv(name, raising=False)


def test_settings_are_frozen():
    settings = load(WorkerSettings)

    with pytest.raises(ValidationError, match="frozen"):
        settings.workers = 3


@pytest.mark.parametrize(("name", "content"), [("c.yaml", "workers: 5\nQUEUES: [a, b]"), ("c.json", None)])
def test_settings_can_come_from_a_file(tmp_path, monkeypatch, name, content):
    (tmp_path / name).write_text(content or json.dumps({"workers": 5, "queues": "a,b"}))
    monkeypatch.setenv("FLASK_CONFIG", str(tmp_path / name))

    settings = load(WorkerSettings)

    assert (settings.workers, settings.queues) == (5, ("a", "b"))


def test_the_environment_wins_over_the_file(tmp_path, monkeypatch):
    (tmp_path / "c.yaml").write_text("workers: 5")
    monkeypatch.setenv("FLASK_CONFIG", str(tmp_path / "c.yaml"))
    monkeypatch.setenv("WORKERS", "7")

    assert load(WorkerSettings).workers == 7


def test_a_secret_can_come_from_a_file_of_its_own(tmp_path, monkeypatch):
    (tmp_path / "redis_url").write_text("redis://:from-a-file@host/0\n")
    monkeypatch.delenv("REDIS_URL", raising=False)
    monkeypatch.setattr("taskdesk.service.settings.SECRETS_FOLDER", tmp_path)

    assert load(WorkerSettings, _env_file=None).redis_url.get_secret_value() == "redis://:from-a-file@host/0"


def test_a_relative_data_folder_is_in_the_project(monkeypatch):
    monkeypatch.setenv("DATA_DIR", "here")

    assert load(WorkerSettings).data_dir == ROOT / "here"


def test_all_wrong_settings_are_named_at_once(monkeypatch):
    monkeypatch.setenv("WORKERS", "0")
    monkeypatch.setenv("QUEUES", "a:b")
    monkeypatch.setenv("RESULT_TTL", "soon")

    with pytest.raises(SettingsError) as error:
        load(WorkerSettings)

    assert all(name in str(error.value) for name in ("WORKERS", "QUEUES", "RESULT_TTL"))


@pytest.mark.parametrize(
    ("role", "name", "value", "sentence"),
    [
        (WorkerSettings, "WORKERS", "two", "it has to be a whole number (it is 'two')"),
        (WorkerSettings, "WORKERS", "0", "it has to be at least 1 (it is '0')"),
        (WebSettings, "APP_PORT", "70000", "it has to be at most 65535 (it is '70000')"),
        (WebSettings, "MAX_UPLOAD_BYTES", "100MB", "it has to be a whole number (it is '100MB')"),
        (WebSettings, "AUTH", "maybe", "it has to be on or off (it is 'maybe')"),
        (WorkerSettings, "TZ", "Mars", "there is no such time zone; an example is Europe/Berlin (it is 'Mars')"),
        (WebSettings, "TZ", "../x", "there is no such time zone; an example is Europe/Berlin (it is '../x')"),
        *(
            (
                role,
                name,
                address,
                f"it has to begin with http:// or https://, or to be a path such as /rq/ (it is {address!r})",
            )
            for role, name, address in (
                (WebSettings, "DASHBOARD_URL", "javascript:alert(1)"),
                (WebSettings, "DASHBOARD_URL", "rq.example.org"),
                (LinksTheDesk, "APP_URL", "data:text/html,x"),
            )
        ),
        (WebSettings, "ENV", "production", "it has to be 'dev' or 'prod' (it is 'production')"),
    ],
)
def test_a_wrong_setting_is_explained_in_a_sentence(monkeypatch, role, name, value, sentence):
    monkeypatch.setenv(name, value)

    with pytest.raises(SettingsError) as raised:
        load(role)

    assert str(raised.value) == f"The settings are wrong:\n  - {name}: {sentence}"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *(
            ("TZ", zone)
            for zone in ("", "UTC", "Europe/Berlin", ":America/New_York", "CET-1CEST,M3.5.0,M10.5.0", "<-03>3")
        ),
        *(("DASHBOARD_URL", address) for address in ("", "/rq/", "https://rq.example.org", "http://127.0.0.1:9181/")),
    ],
)
def test_a_time_zone_and_an_address_are_accepted(monkeypatch, name, value):
    monkeypatch.setenv(name, value)

    load(WebSettings)


@pytest.mark.parametrize("content", ["- a list", "{", None])
def test_an_unreadable_settings_file_is_reported_in_a_sentence(tmp_path, monkeypatch, content):
    if content:
        (tmp_path / "c.yaml").write_text(content)
    monkeypatch.setenv("FLASK_CONFIG", str(tmp_path / "c.yaml"))

    with pytest.raises(SettingsError, match="FLASK_CONFIG names"):
        load(WorkerSettings)


def test_the_redis_url_is_not_shown(monkeypatch):
    monkeypatch.setenv("REDIS_URL", "redis://:secret-word@host/0")

    assert "secret-word" not in repr(load(WorkerSettings))


@pytest.mark.parametrize("names", ["a,a", "high, default ,high", "in a file", "a,b,c,b"])
def test_a_queue_that_is_named_twice_is_refused(monkeypatch, tmp_path, names):
    (tmp_path / "c.json").write_text(json.dumps({"queues": ["a", "b", "a"]}))
    if names == "in a file":
        monkeypatch.setenv("FLASK_CONFIG", str(tmp_path / "c.json"))
    else:
        monkeypatch.setenv("QUEUES", names)

    with pytest.raises(SettingsError, match=r"QUEUES: it names '(a|b|high)' twice"):
        load(WorkerSettings)


def test_a_wrong_secret_is_not_shown(monkeypatch, tmp_path):
    (tmp_path / "c.yaml").write_text("redis_url: [s3cret]")
    monkeypatch.setenv("FLASK_CONFIG", str(tmp_path / "c.yaml"))
    monkeypatch.delenv("REDIS_URL", raising=False)

    with pytest.raises(SettingsError, match="REDIS_URL: Input should be a valid string") as raised:
        load(WorkerSettings)

    assert "s3cret" not in str(raised.value)


def test_the_most_that_a_stop_may_take_is_not_below_what_it_usually_takes():
    assert load(WorkerSettings, stop_grace=3600).stop_limit == 3600
    with pytest.raises(SettingsError, match=r"STOP_LIMIT: .* at least STOP_GRACE, which is 7200 \(it is 3600"):
        load(WorkerSettings, stop_grace=7200)
