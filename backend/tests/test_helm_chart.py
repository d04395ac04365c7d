"""The Helm chart: lint, the schemas of Kubernetes and KEDA, and what it promises about each of its pods."""

from __future__ import annotations

import json
import subprocess
from typing import Any

import pytest
import yaml

from taskdesk.version import VERSION
from tests.test_documents import BACKEND, ROOT, known_settings

CHART = ROOT / "deploy/helm/taskdesk"
PYTHON = ROOT / ".venv-deploy/bin/python"  # `make test-all` makes it
GPU = {
    **{"image": "gpu", "tasks": "gpu_tasks", "queues": ["gpu"], "processes": 1, "minReplicas": 0, "maxReplicas": 3},
    **{"targetSeconds": 600, "stopLimit": 7200, "resources": {"limits": {"nvidia.com/gpu": 1}}},
    **{"nodeSelector": {"gpu": "yes"}, "tolerations": [{"key": "gpu", "operator": "Exists"}]},
}
ALL = {
    "keda": {"enabled": True},
    "dashboard": {"enabled": True},
    "images": {"registry": "registry.example.org/team", "tag": "1", "pullSecrets": ["pull"]},
    "web": {"ingress": {"enabled": True, "className": "nginx", "tlsSecretName": "tls"}},
    "workers": {"gpu": GPU},
    "networkPolicy": {"metricsFrom": [{"namespaceSelector": {}}]},
}
LEAST = {"valkey": {"enabled": False}, "data": {"enabled": False}, "networkPolicy": {"enabled": False}}

Objects = dict[tuple[str, str], dict[str, Any]]


def run(values: dict[str, Any]) -> subprocess.CompletedProcess[str]:
    command = [str(PYTHON), str(BACKEND / "tests/render_chart.py"), str(CHART), json.dumps(values)]
    return subprocess.run(command, capture_output=True, text=True, timeout=120)


def render(values: dict[str, Any]) -> Objects:
    """Return the objects by kind and name, after lint and schemas have found no fault."""
    done = run(values)
    assert done.returncode == 0, done.stderr
    return {(one["kind"], one["metadata"]["name"]): one for one in json.loads(done.stdout)}


@pytest.fixture(scope="module")
def rendered() -> dict[str, Objects]:
    return {"default": render({}), "all": render(ALL), "least": render(LEAST)}


def pods(objects: Objects) -> dict[str, dict[str, Any]]:
    """Return the specs of the pods by name."""
    return {name: one["spec"]["template"]["spec"] for (_, name), one in objects.items() if "template" in one["spec"]}


def environment(pod: dict[str, Any]) -> dict[str, Any]:
    return {one["name"]: one.get("value") for one in pod["containers"][0]["env"]}


def test_the_chart_has_the_version_of_taskdesk():
    chart = yaml.safe_load((CHART / "Chart.yaml").read_text())

    assert (chart["version"], chart["appVersion"]) == (VERSION, VERSION)


@pytest.mark.slow
def test_every_object_fits_the_schemas(rendered):
    kinds = {kind for kind, _ in rendered["all"]}

    assert kinds == {
        *("Deployment", "StatefulSet", "Service", "Ingress", "PersistentVolumeClaim"),
        *("PodDisruptionBudget", "NetworkPolicy", "ScaledObject", "TriggerAuthentication"),
    }


@pytest.mark.slow
def test_every_pod_is_hardened_limited_and_checked(rendered):
    for pod in (pod for objects in rendered.values() for pod in pods(objects).values()):
        [container] = pod["containers"]
        assert pod["securityContext"]["runAsNonRoot"] is True
        assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
        assert (pod["automountServiceAccountToken"], pod["enableServiceLinks"]) == (False, False)
        assert container["securityContext"] == {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        }
        assert container["resources"]["limits"]
        assert container["readinessProbe"]


@pytest.mark.slow
def test_a_pod_has_settings_that_exist_and_secrets_by_reference_only(rendered):
    secrets = {
        "AWS_ACCESS_KEY_ID",
        "AWS_SECRET_ACCESS_KEY",
        "REDIS_URL",
        "SECRET_KEY",
        "ADMIN_PASSWORD",
        "WEBHOOK_SECRETS",
        "DASHBOARD_PASSWORD",
        "REDISCLI_AUTH",
    }
    for name, pod in pods(rendered["all"]).items():
        variables = environment(pod)
        assert {one for one, value in variables.items() if value is None} == secrets & set(variables), name
        assert not name.startswith("taskdesk-worker") or not variables.keys() & {"SECRET_KEY", "ADMIN_PASSWORD"}
        assert {one.lower() for one in variables.keys() - secrets - {"HOME"}} <= known_settings().keys(), name


@pytest.mark.slow
def test_each_group_has_its_image_tasks_and_queues_and_the_web_all_queues(rendered):
    found = pods(rendered["all"])
    gpu, light = found["taskdesk-worker-gpu"], found["taskdesk-worker-light"]

    assert gpu["containers"][0]["image"] == "registry.example.org/team/gpu:1"
    wanted = {"WORKER_GROUP": "gpu", "QUEUES": "gpu", "TASKS": "gpu_tasks", "WORKERS": "1", "STOP_LIMIT": "7200"}
    assert environment(gpu).items() >= wanted.items()
    assert environment(light).items() >= {"WORKER_GROUP": "light", "QUEUES": "high,default,low"}.items()
    assert environment(found["taskdesk-web"])["QUEUES"] == "gpu,high,default,low"
    assert environment(found["taskdesk-dashboard"])["QUEUES"] == "gpu,high,default,low"


@pytest.mark.slow
def test_a_pod_outlives_the_longest_grace_of_its_jobs(rendered):
    graces = {name: pod.get("terminationGracePeriodSeconds") for name, pod in pods(rendered["all"]).items()}

    assert graces["taskdesk-worker-gpu"] == 7260
    assert graces["taskdesk-worker-light"] == 3660


@pytest.mark.slow
def test_no_probe_restarts_what_only_waits_for_redis(rendered):
    for name, pod in pods(rendered["all"]).items():
        [container] = pod["containers"]
        if name.startswith("taskdesk-worker"):
            assert "livenessProbe" not in container
        elif name != "taskdesk-valkey":
            assert container["livenessProbe"]["httpGet"]["path"] == "/healthz"


@pytest.mark.slow
def test_web_and_groups_have_a_budget_and_only_what_is_asked_may_come_in(rendered):
    objects = rendered["all"]
    names = ("taskdesk-web", "taskdesk-worker-gpu", "taskdesk-worker-light")

    assert all(objects["PodDisruptionBudget", name]["spec"]["maxUnavailable"] == 1 for name in names)
    assert objects["NetworkPolicy", "taskdesk-dashboard"]["spec"]["ingress"] == []
    assert objects["NetworkPolicy", "taskdesk-valkey"]["spec"]["egress"] == []
    assert rendered["default"]["NetworkPolicy", "taskdesk-worker-light"]["spec"]["ingress"] == []


@pytest.mark.slow
def test_keda_scales_each_group_to_zero_and_back(rendered):
    gpu, light = (rendered["all"]["ScaledObject", f"taskdesk-worker-{name}"]["spec"] for name in ("gpu", "light"))

    assert (gpu["scaleTargetRef"], gpu["minReplicaCount"], gpu["maxReplicaCount"]) == (
        {"name": "taskdesk-worker-gpu"},
        0,
        3,
    )
    assert len(gpu["triggers"]) == 1
    assert "advanced" not in gpu
    assert light["advanced"]["scalingModifiers"] == {
        "formula": "queue0 + queue1 + queue2",
        "target": "2",
        "metricType": "AverageValue",
    }
    assert "replicas" not in rendered["all"]["Deployment", "taskdesk-worker-gpu"]["spec"]
    assert rendered["default"]["Deployment", "taskdesk-worker-light"]["spec"]["replicas"] == 1


@pytest.mark.slow
@pytest.mark.parametrize(
    "values",
    [
        {"nonsense": 1},
        {"secretName": ""},
        {"workers": {"GPU": GPU}},
        {"workers": {"gpu": {**GPU, "queues": []}}},
        {"workers": {"gpu": {**GPU, "processes": 0}}},
        {"workers": {"gpu": {"image": "gpu"}}},
        {"settings": {"RESULT_TTL": None, "A": {}}},
    ],
    ids=lambda values: json.dumps(values)[:40],
)
def test_wrong_values_are_refused(values):
    done = run(values)

    assert done.returncode == 1
    assert "HelmValuesError" in done.stderr or "schema" in done.stderr
