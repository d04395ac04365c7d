"""The audit and the lists of the locked packages."""

from __future__ import annotations

import json
import re
import runpy
import subprocess
import sys

import pytest

from tests.test_documents import BACKEND, ROOT

AUDIT = runpy.run_path(str(ROOT / ".ci" / "audit.py"))
FLAW = {"id": "PYSEC-1", "fix_versions": ["2.0"], "aliases": [], "description": ""}
CLEAN = {"name": "good", "version": "1.0", "vulns": []}
UNKNOWN = {"name": "unknown", "skip_reason": "Dependency not found on PyPI and could not be audited: unknown (1.0)"}


@pytest.mark.parametrize(
    ("packages", "status", "said"),
    [
        ([CLEAN], 0, "1 locked packages, 0 known vulnerabilities"),
        ([CLEAN, {"name": "bad", "version": "1.0", "vulns": [FLAW]}], 1, "bad 1.0: PYSEC-1, fixed in 2.0"),
        ([CLEAN, UNKNOWN], 0, "WARNING: NOT AUDITED, vulnerabilities may be there: 1 of 2 packages"),
        ([UNKNOWN, {"name": "bad", "version": "1.0", "vulns": [FLAW]}], 1, "NOT AUDITED"),
    ],
)
def test_a_vulnerability_fails_the_audit_and_missing_data_only_warns(packages, status, said, capsys):
    assert AUDIT["judge"]({"dependencies": packages}) == status
    assert said in "".join(capsys.readouterr())


def test_each_lock_file_is_audited_and_each_image_has_a_list():
    ci = (ROOT / ".ci" / "run").read_text()
    plan = subprocess.run(
        ["make", "-n", "-B", "-o", ".venv/dev.stamp", "audit", "sbom"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    images = re.findall(
        r"^RUN pip install --require-hashes -r requirements/(\w+).txt", (BACKEND / "Dockerfile").read_text(), re.M
    )

    assert {"make audit", "make sbom"} <= {line.partition(" #")[0] for line in ci.splitlines()}
    assert [
        file.name for file in (BACKEND / "requirements").glob("*.txt") if f"requirements/{file.name}" not in plan
    ] == []
    assert images == ["web", "worker", "tasks", "dashboard"]
    assert [image for image in images if f"build/sbom/{image}.json" not in plan] == []


@pytest.mark.slow
def test_the_list_of_an_image_has_every_locked_package_with_its_hash(tmp_path):
    program = [sys.executable, "-m", "cyclonedx_py"]
    subprocess.run(
        [*program, "requirements", "requirements/dashboard.txt", "--no-validate", "-o", tmp_path / "sbom.json"],
        cwd=BACKEND,
        check=True,
        capture_output=True,
    )

    components = json.loads((tmp_path / "sbom.json").read_text())["components"]
    locked = re.findall(r"^([\w.-]+)==", (BACKEND / "requirements" / "dashboard.txt").read_text(), re.MULTILINE)
    assert sorted(component["name"] for component in components) == sorted(locked)
    assert all(component["externalReferences"][0]["hashes"] for component in components)
