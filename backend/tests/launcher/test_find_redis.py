"""Which server `make run` starts: the one on PATH, or the bundled one if that can't read the data."""

from __future__ import annotations

import pytest

from taskdesk.launcher.redis_server import bundled_server, find_redis
from tests.conftest import RedisServer

REDIS_7, REDIS_8, VALKEY_8 = "Redis server v=7.0.15", "Redis server v=8.2.1", "Valkey server v=8.1.0"


@pytest.fixture
def on_path(tmp_path, monkeypatch):
    """Put a program on PATH, as the only one there, that says that it is this version."""

    def put(version: str) -> str:
        program = tmp_path / "bin" / f"{version.split()[0].lower()}-server"
        program.parent.mkdir()
        program.write_text(f"#!/bin/sh\necho '{version} sha=0'\n")
        program.chmod(0o755)
        monkeypatch.setenv("PATH", f"{program.parent}")
        return str(program)

    return put


@pytest.fixture
def data(tmp_path):
    folder = tmp_path / "redis"
    folder.mkdir()
    return folder


def base_file(folder, magic: bytes) -> None:
    (folder / "appendonlydir").mkdir()
    (folder / "appendonlydir" / "appendonly.aof.1.base.rdb").write_bytes(magic)


@pytest.mark.parametrize("version", [REDIS_7, REDIS_8, VALKEY_8])
def test_a_server_on_path_is_taken(on_path, data, version):
    program = on_path(version)

    assert find_redis(data) == program


def test_a_server_on_path_that_is_too_old_is_not(on_path, data):
    on_path("Redis server v=5.0.7")

    assert find_redis(data) == bundled_server()


def test_data_of_the_bundled_server_stay_with_it_when_a_redis_is_installed_later(on_path, data):
    server = RedisServer(data, bundled_server())
    server.start()
    server.stop()
    on_path(REDIS_7)

    assert find_redis(data) == bundled_server()


@pytest.mark.parametrize("version", [REDIS_7, REDIS_8])
def test_data_that_both_can_read_go_to_the_server_on_path(on_path, data, version):
    base_file(data, b"REDIS0011")
    program = on_path(version)

    assert find_redis(data) == program


@pytest.mark.parametrize(
    ("magic", "version"),
    [
        (b"REDIS0012", VALKEY_8),  # of Redis 7.4
        (b"VALKEY080", REDIS_8),
    ],
)
def test_data_that_no_server_can_read_are_refused_with_the_remedy(on_path, data, magic, version, monkeypatch, capsys):
    base_file(data, magic)
    on_path(version)
    monkeypatch.setattr("taskdesk.launcher.redis_server.bundled_server", lambda: None)

    with pytest.raises(SystemExit):
        find_redis(data)

    assert "Install the program that wrote them" in capsys.readouterr().err
