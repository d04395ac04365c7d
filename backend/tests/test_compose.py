"""The two stacks of docker-compose.yml, checked without an engine."""

from __future__ import annotations

import itertools
import json
import re
import shutil
import subprocess
from typing import Any

import pytest
import yaml
from dotenv import dotenv_values

from taskdesk.launcher.run import SOURCES
from taskdesk.service import checks
from tests.test_documents import ROOT, known_settings

TEXT = (ROOT / "docker-compose.yml").read_text()
BASE = yaml.safe_load(TEXT)
OWN = {stack: (ROOT / "deploy" / f"{stack}.yml").read_text() for stack in ("dev", "prod")}
EXAMPLE = dotenv_values(ROOT / ".env.prod.example")
VARIABLE = re.compile(r"(?<!\$)\$\{(\w+)")
NGINX = {path.name: path.read_text() for path in (ROOT / "deploy" / "nginx").iterdir()}


def _services(stack: str) -> dict[str, Any]:
    """Return the services as compose merges them, without those of the other stack."""
    own = yaml.safe_load(OWN[stack])["services"]
    services = {name: _extended(own.get(name, {}), service) for name, service in BASE["services"].items()}
    return {name: service for name, service in services.items() if service.get("profiles") != ["prod"]}


def _extended(below: dict[str, Any], above: dict[str, Any]) -> dict[str, Any]:
    both = {key: {**below[key], **above[key]} for key in below.keys() & above.keys() if isinstance(above[key], dict)}
    return {**below, **above, **both}


PROD, DEV = _services("prod"), _services("dev")
ALL = [pytest.param(service, id=f"{stack}-{name}") for stack in OWN for name, service in _services(stack).items()]


def test_each_stack_has_its_services():
    assert set(DEV) == {"app", "worker", "dashboard", "redis"}
    assert set(PROD) == {*DEV, "proxy"}
    assert BASE["services"]["app"]["extends"] == {"file": "deploy/${ENV:-dev}.yml", "service": "app"}
    assert [name for name, service in PROD.items() if "profiles" in service] == ["dashboard"]


@pytest.mark.parametrize("service", ALL)
def test_every_container_is_hardened_limited_and_checked(service):
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert service["tmpfs"][0].startswith("/tmp:size=")
    assert {"mem_limit", "cpus", "pids_limit"} <= set(service)
    assert set(service["logging"]["options"]) == {"max-size", "max-file"}
    assert service["restart"] == "unless-stopped"
    assert service["init"] is True
    assert service["healthcheck"]["test"]
    assert "privileged" not in service
    assert "cap_add" not in service


def test_no_container_runs_as_root():
    users = {name: service.get("user", "the image's") for name, service in PROD.items()}

    assert users == {
        "app": "the image's", "worker": "the image's", "dashboard": "the image's",
        "proxy": "10001:10001", "redis": "redis",
    }  # fmt: skip


def test_only_the_documented_ports_are_open():
    assert [port for service in DEV.values() for port in service.get("ports", [])] == [
        "127.0.0.1:${APP_PORT:-5000}:5000",
        "127.0.0.1:${DASHBOARD_PORT:-9181}:9181",
    ]
    assert {name: service["ports"] for name, service in PROD.items() if "ports" in service} == {
        "proxy": ["${HTTP_PORT:-80}:8080", "${HTTPS_PORT:-127.0.0.1:}:8443"],
        "dashboard": ["127.0.0.1:${DASHBOARD_PORT:-9181}:9181"],
    }


def test_only_our_own_services_can_reach_redis():
    assert BASE["networks"]["redis"] == {"internal": True}
    assert PROD["redis"]["networks"] == ["redis"]
    assert [name for name, service in PROD.items() if "redis" in service.get("networks", [])] == [
        "app", "worker", "dashboard", "redis",
    ]  # fmt: skip


def test_redis_has_an_append_only_file_no_eviction_and_a_password():
    script = PROD["redis"]["command"][2]

    for line in ('requirepass "$$REDISCLI_AUTH"', "appendonly yes", "maxmemory-policy noeviction"):
        assert f"{line}\n" in script
    assert re.search(r"^maxmemory \S", script, re.MULTILINE)
    assert PROD["redis"]["volumes"] == ["redis:/data"]


def test_prod_has_code_in_images_and_data_on_volumes():
    ours = {name: PROD[name] for name in ("app", "worker", "dashboard")}

    assert [service["build"]["target"] for service in ours.values()] == ["web", "tasks", "dashboard"]
    assert not any("args" in service["build"] for service in ours.values())
    assert not any("command" in service for service in ours.values())
    assert [service.get("volumes") for service in ours.values()] == [["data:/data"], ["data:/data"], None]
    assert {"data", "redis"} == set(BASE["volumes"])


@pytest.mark.parametrize(("service", "role", "more"), [("app", "web", []), ("worker", "worker", ["tasks"])])
def test_in_dev_a_program_is_restarted_only_for_files_that_it_imports(service, role, more):
    watched = re.findall(r" /app/(\S+)", DEV[service]["command"])

    assert set(watched) == {*SOURCES[role], *more}


def test_only_containers_with_a_volume_write_log_files():
    assert [name for name in ("app", "worker", "dashboard") if PROD[name]["environment"].get("LOG_DIR") != ""] == [
        name for name in ("app", "worker", "dashboard") if "data:/data" in PROD[name].get("volumes", [])
    ]


def test_a_container_is_unhealthy_only_if_a_restart_may_help():
    checks = {name: str(service["healthcheck"]["test"]) for name, service in PROD.items()}

    assert "5000/healthz" in checks["app"]
    assert "9181/healthz" in checks["dashboard"]
    assert "readyz" not in str(checks)


QUOTED = {
    "A": "'a$b'", "B": "'a$HOME$$c$'", "C": "'a#b #c'", "D": "'with \"quotes\" {and} blanks'", "E": r"'back\slash\n'",
    "F": "'%2F=&;|<>*?`!'", "G": "'größe'",
}  # fmt: skip


def test_a_value_between_single_quotes_is_the_same_for_make_run_and_for_docker(tmp_path, monkeypatch):
    (tmp_path / "env").write_text("".join(f"{name}={value}\n" for name, value in QUOTED.items()))
    (tmp_path / "compose.yml").write_text(
        "services: {a: {image: a, env_file: ./env, environment: {ALL: '${A}${B}${C}${D}${E}${F}${G}'}}}"
    )
    written = {name: value[1:-1] for name, value in QUOTED.items()}

    assert dotenv_values(tmp_path / "env") == written

    compose = ["docker", "compose", "--env-file", "env", "-f", "compose.yml", "config", "--format", "json"]
    if not shutil.which("docker") or subprocess.run([*compose[:2], "version"], capture_output=True).returncode:
        pytest.skip("docker compose is not installed")
    done = subprocess.run(compose, cwd=tmp_path, capture_output=True, text=True, check=True)
    found = json.loads(done.stdout.replace("$$", "$"))["services"]["a"]["environment"]  # it prints each $ twice
    assert found == {**written, "ALL": "".join(written.values())}


def test_the_example_says_how_to_quote_and_who_may_read_it():
    example = (ROOT / ".env.prod.example").read_text()

    assert "between single quotes: 'a$b'" in example
    assert "chmod 600 .env.prod" in example
    for document in ("README.md", "docs/operating.md"):
        assert "cp .env.prod.example .env.prod && chmod 600 .env.prod" in (ROOT / document).read_text()


def test_every_image_has_a_version():
    images = [service["image"] for service in PROD.values()]
    bases = re.findall(r"^FROM (\S+:\S+)", (ROOT / "backend" / "Dockerfile").read_text(), re.MULTILINE)

    assert all(re.search(r":(\d|\$\{VERSION)", image) for image in [*images, *bases])
    assert bases


def test_a_worker_has_more_time_to_stop_than_its_jobs():
    assert PROD["worker"]["stop_grace_period"] == DEV["worker"]["stop_grace_period"] == "1m${STOP_LIMIT:-3600}s"


@pytest.mark.parametrize(
    ("service", "secrets"),
    [("app", {"SECRET_KEY", "ADMIN_PASSWORD"}), ("worker", set()), ("dashboard", {"DASHBOARD_PASSWORD"})],
)
def test_a_role_gets_its_own_secrets_only(service, secrets):
    withheld = {name for name, value in PROD[service]["environment"].items() if value == ""}
    all_secrets = {name for name in EXAMPLE if name.endswith(("_KEY", "_PASSWORD", "_TOKEN"))}

    assert all_secrets - withheld == secrets


@pytest.mark.parametrize("stack", ["dev", "prod"])
def test_each_setting_of_the_env_file_reaches_the_containers(stack):
    files = {yaml.safe_load(OWN[stack])["services"][name]["env_file"] for name in ("app", "worker", "dashboard")}

    assert files == {"../.env" if stack == "dev" else "../${ENV_FILE:-.env.prod}"}


def test_the_example_has_every_variable_of_compose_and_no_unknown_one():
    used = set(VARIABLE.findall(TEXT + OWN["prod"]))

    assert used - set(EXAMPLE) == set()
    assert set(EXAMPLE) - used - {name.upper() for name in known_settings()} == {"COMPOSE_PROFILES"}


def test_the_example_has_a_reason_for_each_line_and_no_secret():
    lines = (ROOT / ".env.prod.example").read_text().split("\n")
    uncommented = [
        line
        for before, line in itertools.pairwise(lines)
        if re.match(r"\w+=", line) and not re.match(r"#|\w+=", before)
    ]

    assert [line for line in uncommented if line != "COMPOSE_PROFILES="] == []
    assert [name for name in EXAMPLE if name.endswith(("_KEY", "_PASSWORD", "_TOKEN")) and EXAMPLE[name]] == []
    assert EXAMPLE["ENV"] == "prod"


def test_no_variable_of_the_example_looks_like_a_misspelled_setting():
    known = [name.upper() for name in known_settings()]
    alike = checks.get_close_matches

    assert [name for name in set(EXAMPLE) - {*known} if alike(name, known, 1, checks.SIMILARITY_CUTOFF)] == []


def test_nginx_knows_each_of_its_variables_and_files():
    text = "".join(NGINX.values())

    assert set(re.findall(r"\$\{(\w+)\}", text)) <= set(PROD["proxy"]["environment"])
    assert {f"{name}.template" for name in re.findall(r"include /tmp/([\w.-]+);", text)} <= set(NGINX)
    assert {"listen-.conf.template", "listen-tls.conf.template"} <= set(NGINX)


def test_nginx_names_the_client_limits_uploads_and_finds_new_containers():
    desk = NGINX["desk.conf.template"]

    told = re.findall(r"proxy_set_header X-Forwarded-(\w+) ", desk)
    assert sorted(told) == ["For", "Host", "Port", "Prefix", "Proto"]
    assert PROD["app"]["environment"]["TRUSTED_PROXIES"] == "${TRUSTED_PROXIES:-1}"
    assert "client_max_body_size ${MAX_UPLOAD_BYTES};" in NGINX["nginx.conf.template"]
    assert "proxy_pass http://$app:5000;" in desk
    assert "resolver 127.0.0.11 " in NGINX["nginx.conf.template"]


def test_nginx_stays_within_the_limits_of_its_container():
    [processes, connections] = re.findall(r"worker_(?:processes|connections) (\w+);", NGINX["nginx.conf.template"])
    bytes_of_connections = (
        int(processes) * int(connections) * 2 * 232
    )  # of nginx: one each to the client and to the web

    assert int(processes) < PROD["proxy"]["pids_limit"] / 2
    assert bytes_of_connections < 256e6 / 2


def test_only_its_maker_can_read_a_backup():
    script = (ROOT / "deploy" / "backup.sh").read_text()

    assert 0 < script.index("umask 077") < script.index("mkdir")
