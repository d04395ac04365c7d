"""The stack for Docker Swarm, checked without an engine."""

from __future__ import annotations

import re

import pytest
import yaml

from tests.test_documents import ROOT, known_settings

STACK = yaml.safe_load((ROOT / "deploy/stack.yml").read_text())
SERVICES = STACK["services"]
OURS = [name for name in SERVICES if name == "app" or name.startswith("worker-")]


@pytest.mark.parametrize("name", SERVICES)
def test_every_service_is_hardened_and_limited(name):
    service = SERVICES[name]

    assert (service["init"], service["read_only"], service["cap_drop"]) == (True, True, ["ALL"])
    assert {"memory", "pids"} <= set(service["deploy"]["resources"]["limits"])
    assert [one["target"] for one in service["volumes"] if one["type"] == "tmpfs"] == ["/tmp"]


@pytest.mark.parametrize("name", OURS)
def test_a_program_has_settings_that_exist_and_no_secret_among_them(name):
    given = SERVICES[name]["environment"]

    assert {one.lower() for one in given} - {"home", "tz"} <= known_settings().keys()
    assert not {"REDIS_URL", "SECRET_KEY", "ADMIN_PASSWORD", "WEBHOOK_SECRETS"} & given.keys()
    assert all((one["uid"], one["mode"]) == ("10001", 0o400) for one in SERVICES[name]["secrets"])


def test_a_worker_outlives_the_longest_grace_and_is_not_killed_while_redis_is_away():
    worker = SERVICES["worker-light"]

    assert worker["stop_grace_period"] == f"{worker['environment']['STOP_LIMIT'] + 60}s"
    assert "healthcheck" not in worker
    assert {one["source"] for one in worker["secrets"]} == {"REDIS_URL"}


def test_redis_is_reached_by_our_programs_only_and_has_no_way_out():
    assert STACK["networks"]["redis"]["internal"] is True
    assert SERVICES["redis"]["networks"] == ["redis"]
    assert {name for name, one in SERVICES.items() if "redis" in one.get("networks", ())} == {*OURS, "redis"}


def test_the_proxy_has_every_template_of_nginx():
    mounted = {one["target"].rpartition("/")[2] for one in SERVICES["proxy"]["configs"]}
    files = {one["file"].rpartition("/")[2] for one in STACK["configs"].values()}

    assert mounted == files == {path.name for path in (ROOT / "deploy/nginx").iterdir()}


def test_its_redis_has_the_settings_of_the_other_stack():
    compose = yaml.safe_load((ROOT / "docker-compose.yml").read_text())["services"]["redis"]["command"][2]
    lines = [
        re.findall(r"^(?!requirepass|maxmemory |appendfsync )\S.*$", text, re.M)
        for text in (compose, SERVICES["redis"]["command"][2])
    ]

    assert lines[0] == lines[1]
