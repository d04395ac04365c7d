"""Render the Helm chart, and check what comes out against the schemas of Kubernetes and KEDA.

A program, for the Python of .venv-deploy: `python render_chart.py CHART VALUES` prints the objects as JSON, as
VALUES is.
"""

from __future__ import annotations

import json
import sys
from typing import Any

import cloudcoil.models.keda.v1alpha1 as keda
import helm_python
import kubernetes_validate
import yaml

KUBERNETES = ("1.27", "1.37")  # the oldest that the chart names, and the newest that is known


def check(document: dict[str, Any]) -> None:
    """Raise an exception if the object is none, or has a field that Kubernetes or KEDA do not know."""
    if document["apiVersion"].startswith("keda.sh/"):
        known = getattr(keda, document["kind"]).model_validate(document)
        shown = json.loads(known.model_dump_json(by_alias=True, exclude_none=True))
        assert shown["spec"] == document["spec"], f"KEDA knows only {shown['spec']} of {document['spec']}"
    else:
        for version in KUBERNETES:
            kubernetes_validate.validate(document, version, strict=True)


def main(path: str, values: str) -> None:
    with helm_python.Chart.load(path) as chart:
        chart.validate_schema(json.loads(values))
        found = helm_python.lint(path)
        assert not found["errors"], found
        assert all(one["severity"] <= 1 for one in found["messages"]), found  # 1: a hint
        texts = chart.render(json.loads(values), name="taskdesk", namespace="jobs")
    documents = [
        one for name, text in texts.items() if name.endswith(".yaml") for one in yaml.safe_load_all(text) if one
    ]
    for document in documents:
        check(document)
    print(json.dumps(documents))


if __name__ == "__main__":
    main(*sys.argv[1:])
