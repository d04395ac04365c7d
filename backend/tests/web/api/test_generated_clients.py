"""What the usual generators make of the API of a desk with odd tasks: no warning, and a client that works."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest

from tests.conftest import BACKEND, running

pytestmark = pytest.mark.slow

GENERATORS = BACKEND.parent / ".venv-clients" / "bin"
NPM_PROJECT = Path(__file__).with_name("clients")


def run(*command: object, cwd: Path, **environment: str) -> str:
    """Run a program, and return what it prints. Any warning is a failure."""
    path = f"{GENERATORS}:{Path(sys.executable).parent}:{os.environ['PATH']}"  # ruff formats what is generated
    done = subprocess.run(
        [str(word) for word in command],
        cwd=cwd,
        env={**os.environ, "PATH": path, **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=180,
    )
    assert done.returncode == 0, done.stdout
    assert "warning" not in done.stdout.lower(), done.stdout
    return done.stdout


@pytest.fixture(scope="module")
def desk(tmp_path_factory):
    with running(tmp_path_factory.mktemp("desk"), "upload", TASKS="tests.odd_tasks") as stack:
        yield stack


@pytest.fixture(scope="module")
def description(desk, tmp_path_factory) -> Path:
    file = tmp_path_factory.mktemp("clients") / "openapi.json"
    with urllib.request.urlopen(f"{desk.url}/api/v1/openapi.json") as answer:
        file.write_bytes(answer.read())
    return file


PYTHON = r"""
import io, sys
from client import Client
from client.api.fetch import job_artifact
from client.api.tasks import create_job_of_greet, create_job_of_upload
from client.api.watch import show_job
from client.models import GreetInput, UploadForm
from client.types import File

client = Client(sys.argv[1], raise_on_unexpected_status=True)


def ended(job):
    while job.status not in ("succeeded", "failed"):
        job = show_job.sync(job.id, client=client, prefer="wait=5")
    return job


body = GreetInput.from_dict({"person": {"name": "Ann", "home": {"street": "Main"}}, "also": []})
print(ended(create_job_of_greet.sync(client=client, body=body)).result.value)
body = UploadForm(data=File(io.BytesIO(b"a,b\n1,2\n"), "data.csv", "text/csv"), note="kept")
job = ended(create_job_of_upload.sync(client=client, body=body))
print(job.status, [part.name for part in job.result.parts])
print(job_artifact.sync(job.id, "copy.csv", client=client).payload.read())
"""

TYPESCRIPT = """
import createClient from "openapi-fetch";
import type { paths } from "./api.js";

const client = createClient<paths>({ baseUrl: process.argv[2] });
const { data, error } = await client.POST("/api/v1/tasks/greet/jobs", {
  params: { header: { Prefer: "wait=20" } },
  body: { person: { name: "Ann", home: { street: "Main" } } },
});
if (!data) throw new Error(JSON.stringify(error));
console.log(data.status, data.result?.value);
"""


@pytest.mark.timeout(300)
def test_openapi_python_client_makes_a_client_that_submits_uploads_and_waits(desk, description):
    folder = description.parent
    options = ("--path", description, "--output-path", folder / "client", "--meta", "none", "--fail-on-warning")
    run("openapi-python-client", "generate", *options, cwd=folder)

    printed = run(GENERATORS / "python", "-c", PYTHON, desk.url, cwd=folder)

    assert printed.splitlines() == ["Hello Ann", "succeeded ['rows', 'copy', 'note']", r"b'a,b\n1,2\n'"]


@pytest.mark.timeout(300)
def test_datamodel_code_generator_makes_models_that_are_imported(description):
    folder = description.parent
    options = (
        "--input",
        description,
        "--input-file-type",
        "openapi",
        "--output",
        "models.py",
        "--formatters",
        "builtin",
    )
    names = ("--naming-strategy", "full-path")  # else it warns of names with numbers
    run("datamodel-codegen", *options, *names, "--output-model-type", "pydantic_v2.BaseModel", cwd=folder)

    imported = "import models; print(models.GreetInput(person={'name': 'Ann', 'home': {'street': 'Main'}}).person.name)"

    assert run(GENERATORS / "python", "-c", imported, cwd=folder) == "Ann\n"


@pytest.fixture
def typescript(tmp_path) -> Path:
    """A folder with openapi-typescript, openapi-fetch and TypeScript."""
    for file in NPM_PROJECT.iterdir():
        shutil.copy(file, tmp_path)
    try:
        run("npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error", cwd=tmp_path)
    except AssertionError as error:
        if any(code in str(error) for code in ("ENOTFOUND", "EAI_AGAIN", "ECONNREFUSED", "ETIMEDOUT")):
            pytest.skip("the packages of npm can't be reached")
        raise
    return tmp_path


@pytest.mark.timeout(300)
def test_openapi_typescript_makes_types_for_a_strict_client(desk, description, typescript):
    options = ("--default-non-nullable=false", "-o", "api.ts")  # else what has a default would have to be sent
    run("node_modules/.bin/openapi-typescript", description, *options, cwd=typescript)
    (typescript / "use.mts").write_text(TYPESCRIPT)

    options = ("--strict", "--target", "es2022", "--module", "nodenext", "--types", "node")
    run("node_modules/.bin/tsc", *options, "api.ts", "use.mts", cwd=typescript)

    assert run("node", "use.mjs", desk.url, cwd=typescript) == "succeeded Hello Ann\n"
