"""The checks at the start, with a real Redis that is configured wrong in each way."""

from __future__ import annotations

import os
import subprocess
import sys
from contextlib import suppress
from itertools import permutations

import pytest
from pydantic import Field, SecretStr
from redis import Redis
from redis.exceptions import ConnectionError

from taskdesk.service import checks
from taskdesk.service.checks import exit_if_redis_denies_access, find_problems
from taskdesk.service.settings import SharedSettings
from taskdesk.web.settings import WebSettings
from taskdesk.worker.settings import WorkerSettings
from tests.conftest import BACKEND, RedisServer, free_port, wait_until
from tests.test_documents import known_settings

GOOD = "9f2c4e61b7d8a3055c1e7f90ab34d6288e4b1c7d5f6a0392"


class DeskSettings(SharedSettings):
    """Every setting that is checked, of any program."""

    auth: str = "on"
    secret_key: SecretStr = SecretStr(GOOD)
    dashboard_password: SecretStr = SecretStr("long-enough-for-people")
    sentry_dsn: SecretStr = SecretStr("")
    trusted_hosts: tuple[str, ...] = ("desk.example.org",)
    max_jobs: int = Field(5)


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    server = RedisServer(tmp_path_factory.mktemp("redis"))
    server.start()
    yield server
    server.stop()


@pytest.fixture
def set_redis(server):
    """Change options of a correct Redis, and return its address with the password."""
    url = f"redis://:{GOOD}@127.0.0.1:{server.port}/0"
    right = {"appendonly": "yes", "maxmemory-policy": "noeviction", "requirepass": GOOD}
    with Redis.from_url(server.url) as redis:

        def set_options(**options: str) -> str:
            for name, value in (right | {name.replace("_", "-"): value for name, value in options.items()}).items():
                redis.config_set(name, value)  # this connection stays logged in
            return url

        yield set_options
        set_options(requirepass="")


@pytest.fixture(autouse=True)
def not_root(monkeypatch):
    monkeypatch.setattr(os, "geteuid", lambda: 10001)
    monkeypatch.delenv("FLASK_CONFIG", raising=False)


def problems(url: str, **values: object) -> list[str]:
    return find_problems(DeskSettings(env="prod", redis_url=url, _env_file=None, **values))


def test_the_documented_settings_and_redis_have_no_problems(set_redis):
    assert problems(set_redis()) == []


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"appendonly": "no"}, "Redis has no append-only file"),
        ({"maxmemory_policy": "allkeys-lru"}, "Redis would evict jobs (allkeys-lru)"),
        ({"maxmemory_policy": "volatile-ttl"}, "Redis would evict jobs (volatile-ttl)"),
        ({"requirepass": ""}, "Redis answers without a password"),
        ({"requirepass": "another"}, "Redis refuses the password in REDIS_URL"),
    ],
)
def test_a_wrongly_configured_redis_is_refused(set_redis, options, sentence):
    found = problems(set_redis(**options))

    assert [problem[: len(sentence)] for problem in found] == [sentence]


def test_an_old_redis_is_refused(set_redis, monkeypatch):
    monkeypatch.setattr(checks, "MIN_REDIS_VERSION", (99, 0))

    (found,) = problems(set_redis())

    assert found.endswith("and 99.0 or newer is needed.")


def test_all_problems_of_an_unconfigured_redis_are_named_at_once(set_redis, server):
    set_redis(requirepass="", appendonly="no", maxmemory_policy="allkeys-lru")

    assert [problem.split(":")[0] for problem in problems(server.url)] == [
        "The password in REDIS_URL is missing",
        "Redis answers without a password",
        "Redis has no append-only file, and would lose accepted jobs",
        "Redis would evict jobs (allkeys-lru)",
    ]


def test_a_redis_that_can_not_be_reached_is_no_problem_of_the_settings():
    assert problems(f"redis://:{GOOD}@127.0.0.1:1/0") == []


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        ({"secret_key": ""}, "SECRET_KEY is missing: make one: openssl rand -hex 32"),
        ({"secret_key": GOOD[:31]}, "SECRET_KEY has 31 bytes, and needs 32: make one: openssl rand -hex 32"),
        ({"secret_key": "please-change-me-please-change-me"}, "SECRET_KEY can be guessed"),
        ({"secret_key": "ab" * 16}, "SECRET_KEY can be guessed"),
        ({"dashboard_password": ""}, "DASHBOARD_PASSWORD is missing"),
        ({"dashboard_password": "kurz"}, "DASHBOARD_PASSWORD has 4 bytes, and needs 12"),
        ({"dashboard_password": "Password-2026"}, "DASHBOARD_PASSWORD can be guessed"),
        ({"trusted_hosts": ()}, "TRUSTED_HOSTS is empty"),
        ({"auth": "off"}, "AUTH is off"),
    ],
)
def test_an_unsafe_value_is_refused(set_redis, values, sentence):
    found = problems(set_redis(), **values)

    assert [problem[: len(sentence)] for problem in found] == [sentence]


def test_a_secret_is_never_shown(set_redis):
    assert "kurz" not in str(problems(set_redis(), secret_key="kurz", dashboard_password="kurz"))


@pytest.mark.parametrize(
    ("mode", "content", "named"),
    [
        (0o644, "SECRET_KEY=a\nDASHBOARD_PASSWORD=b\n", "DASHBOARD_PASSWORD, SECRET_KEY"),
        (0o604, "redis_url=redis://host\n", "REDIS_URL"),
        (0o640, "SECRET_KEY=a\n", ""),
        (0o600, "SECRET_KEY=a\n", ""),
        (0o644, "SECRET_KEY=\nENV=dev\nMAX_JOBS=5\n", ""),
    ],
)
def test_a_file_whose_secrets_all_can_read_is_named(monkeypatch, tmp_path, mode, content, named):
    dotenv, yaml = tmp_path / ".env", tmp_path / "c.yaml"
    dotenv.write_text(content)
    yaml.write_text(content.replace("=\n", ": ''\n").replace("=", ": "))
    for path in (dotenv, yaml):
        path.chmod(mode)
    monkeypatch.setitem(DeskSettings.model_config, "env_file", dotenv)
    monkeypatch.setenv("FLASK_CONFIG", str(yaml))

    found = list(checks.readable_secrets(DeskSettings(_env_file=None)))

    files = (yaml, dotenv) if named else ()
    assert found == [f"Every user of this machine can read {named} in {path}: chmod 600 {path}" for path in files]


def test_root_is_refused(set_redis, monkeypatch):
    monkeypatch.setattr(os, "geteuid", lambda: 0)

    assert [problem[:28] for problem in problems(set_redis())] == ["The process runs as root: st"]


@pytest.mark.parametrize("name", ["MAX_JOB", "MAXJOBS", "RESULT_TLL", "TRUSTED_HOST", "max_jobbs"])
def test_a_misspelled_setting_is_refused_in_the_environment_and_in_a_file(set_redis, monkeypatch, tmp_path, name):
    (tmp_path / "c.yaml").write_text(f"{name}: 7")
    (tmp_path / ".env").write_text(f"{name}=7")
    monkeypatch.setitem(DeskSettings.model_config, "env_file", tmp_path / ".env")
    in_file = problems(set_redis())
    monkeypatch.setitem(DeskSettings.model_config, "env_file", None)
    monkeypatch.setenv("FLASK_CONFIG", str(tmp_path / "c.yaml"))
    in_named_file = problems(set_redis())
    monkeypatch.delenv("FLASK_CONFIG")
    monkeypatch.setenv(name, "7")

    assert in_file == in_named_file == problems(set_redis())
    assert in_file[0].startswith(f"There is no setting {name.upper()}. ")


def test_no_setting_looks_like_a_misspelling_of_another():
    alike = [
        (a, b)
        for a, b in permutations(known_settings(), 2)
        if checks.get_close_matches(a, [b], 1, checks.SIMILARITY_CUTOFF)
    ]

    assert alike == []


@pytest.mark.slow
@pytest.mark.parametrize("program", ["server", "worker", "dashboard"])
def test_unsafe_settings_end_a_program_with_status_2_in_prod_but_not_in_dev(server, program, tmp_path):
    environment = {"ENV": "prod", "PATH": "", "FLASK_CONFIG": "", "REDIS_URL": server.url, "DATA_DIR": str(tmp_path)}

    done = subprocess.run(
        [sys.executable, f"{program}.py"], cwd=BACKEND, env=environment, capture_output=True, text=True, timeout=60
    )

    assert (done.returncode, done.stdout) == (2, "")
    assert "\n  - The password in REDIS_URL is missing" in done.stderr
    assert ("\n  - TRUSTED_HOSTS is empty" in done.stderr) == (program == "server")
    assert ("\n  - DASHBOARD_PASSWORD is missing" in done.stderr) == (program == "dashboard")


@pytest.mark.parametrize(
    "program",
    [["server.py"], ["worker.py"], ["dashboard.py"], ["-m", "taskdesk.launcher.run"], ["-m", "taskdesk", "list"]],
    ids=" ".join,
)
@pytest.mark.parametrize(
    ("password", "sentence"),
    [
        ("", "Redis wants a password, and REDIS_URL has none: write it as redis://:PASSWORD@HOST:6379/0.\n"),
        (":guess@", "Redis refuses the password in REDIS_URL: invalid username-password pair"),
    ],
)
def test_a_wrong_password_for_redis_ends_a_program_with_status_2(
    set_redis, server, program, password, sentence, tmp_path
):
    set_redis()
    url = f"redis://{password}127.0.0.1:{server.port}/0"
    environment = {**os.environ, "ENV": "dev", "REDIS_URL": url, "DATA_DIR": str(tmp_path)}
    environment |= {name: str(free_port()) for name in ("APP_PORT", "DASHBOARD_PORT")}
    command = [sys.executable, *program]

    done = subprocess.run(command, cwd=BACKEND, env=environment, capture_output=True, text=True, timeout=60)

    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith(sentence)
    assert done.stderr.count("\n") == 1
    assert "guess" not in done.stderr


def test_a_database_that_redis_does_not_have_is_refused_in_dev_and_prod(set_redis, capsys):
    url = set_redis().replace("/0", "/99")

    with pytest.raises(SystemExit) as ended:
        exit_if_redis_denies_access(url)

    assert ended.value.code == 2
    assert capsys.readouterr().err == "REDIS_URL can't be used: DB index is out of range.\n"
    assert problems(url) == ["REDIS_URL can't be used: DB index is out of range."]


@pytest.mark.parametrize("role", [WebSettings, WorkerSettings])
def test_dev_accepts_the_defaults(role):
    checks.exit_if_unsafe(role(_env_file=None, redis_url="redis://nowhere.invalid"))


@pytest.fixture
def loading(tmp_path):
    """The address of a correct Redis that is loading its file until the test ends."""
    server = RedisServer(tmp_path)
    server.url = server.url.replace("//", f"//:{GOOD}@")
    server.options = ["--requirepass", GOOD, "--maxmemory-policy", "noeviction"]
    server.start()
    with Redis.from_url(server.url) as redis, redis.pipeline(transaction=False) as pipeline:
        for number in range(60_000):
            pipeline.set(f"key {number}", number)
        pipeline.execute()
    server.stop()
    server.options += ["--key-load-delay", "1000"]  # µs; it answers after each 1,000
    server.launch()
    with Redis.from_url(server.url) as redis:
        wait_until(lambda: is_loading(redis), what="Redis loads")
        yield server.url
    server.process.kill()
    server.stop()


def is_loading(redis: Redis) -> bool:
    with suppress(ConnectionError):
        return bool(redis.info("persistence")["loading"])
    return False


@pytest.mark.slow
def test_a_redis_that_is_loading_its_file_is_not_reported_as_having_none(loading):
    assert problems(loading) == []

    with Redis.from_url(loading) as redis:
        assert redis.info("persistence")["loading"] == 1
        assert redis.info("persistence")["aof_enabled"] == 0
