"""`taskdesk new`: the project that it writes, and the names that it refuses."""

from __future__ import annotations

import re

import pytest
import yaml
from click.testing import CliRunner
from dotenv import dotenv_values

from taskdesk.cli import program
from taskdesk.cli.new import FILES
from taskdesk.version import VERSION
from tests.test_documents import BACKEND, known_settings


@pytest.fixture
def new(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return lambda name: CliRunner().invoke(program, ["new", name])


@pytest.fixture
def project(new, tmp_path):
    assert new("My-Desk").exit_code == 0
    return tmp_path / "My-Desk"


def test_it_writes_a_project_and_says_how_to_start_it(new, tmp_path):
    done = new("demo")

    assert "    cd demo\n    taskdesk run ./tasks\n" in done.stdout
    assert {str(path.relative_to(tmp_path / "demo")) for path in (tmp_path / "demo").rglob("*") if path.is_file()} == {
        *FILES
    }


@pytest.mark.parametrize("name", ["", "9lives", "a b", "a/b", "..", "/tmp/x", "größe", "x" * 64])
def test_a_name_that_can_not_be_used_is_refused_and_nothing_is_written(new, tmp_path, name):
    done = new(name)

    assert done.exit_code == 2
    assert f"NAME: {name!r} can't be used: begin with a letter, then letters, digits, - or _." in done.stderr
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("make", ["mkdir", "touch"])
def test_what_is_there_is_left_alone(new, tmp_path, make):
    getattr(tmp_path / "demo", make)()

    done = new("demo")

    assert done.exit_code == 2
    assert "NAME: demo exists already. Choose another name, or remove it." in done.stderr
    assert [path.name for path in tmp_path.rglob("*")] == ["demo"]


def test_its_settings_are_settings(project):
    assert {name.lower() for name in dotenv_values(project / ".env")} - {"tz"} <= known_settings().keys()


def test_its_containers_use_the_images_of_this_version_and_store_their_data(project):
    compose = yaml.safe_load((project / "docker-compose.yml").read_text())
    services = compose["services"]

    assert compose["name"] == "my-desk"
    assert [services[name]["image"] for name in ("app", "dashboard")] == [
        f"taskdesk-web:{VERSION}", f"taskdesk-dashboard:{VERSION}",
    ]  # fmt: skip
    assert services["worker"]["build"] == "."
    assert re.findall(r"^FROM (.*)$", (project / "Dockerfile").read_text(), re.MULTILINE) == [
        f"taskdesk-worker:{VERSION}"
    ]
    assert {service["volumes"][0] for service in services.values()} == {"data:/data", "redis:/data"}
    assert {port.split(":")[0] for service in services.values() for port in service.get("ports", [])} == {"127.0.0.1"}
    assert "appendonly yes" in services["redis"]["command"]


def test_make_images_builds_the_images_that_it_names(project):
    used = set(re.findall(r"taskdesk-(\w+):", "".join((project / name).read_text() for name in FILES)))
    [built] = re.findall(r"for part in (.*?); do docker build", (BACKEND.parent / "Makefile").read_text())

    assert used == set(built.split())
