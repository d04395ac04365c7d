"""Whether a locked package has a known vulnerability: `make audit`.

A vulnerability ends with status 1. Where PyPI's vulnerability data can't be had (a closed network, a mirror that has only
packages) nothing is known: that is said loudly, and ends with status 0, so that CI works there, too.
"""

from __future__ import annotations

import json
import subprocess
import sys
import urllib.request
from typing import Any

PROBE = "https://pypi.org/pypi/pip/24.0/json"


def main(files: list[str]) -> int:
    try:
        urllib.request.urlopen(PROBE, timeout=10).close()
    except OSError as error:
        return not_audited(f"{PROBE}: {error}")
    options = ["--require-hashes", "--disable-pip", "--progress-spinner", "off", "--format", "json"]
    sources = [part for file in files for part in ("-r", file)]
    done = subprocess.run([sys.executable, "-m", "pip_audit", *options, *sources], capture_output=True, text=True)
    try:
        return judge(json.loads(done.stdout))
    except ValueError:
        return not_audited(done.stderr.strip()[-500:])


def judge(report: dict[str, Any]) -> int:
    """Print what `pip-audit --format json` has found; the exit status."""
    packages = report["dependencies"]
    found = [(package, flaw) for package in packages for flaw in package.get("vulns", ())]
    for package, flaw in found:
        fixed = ", ".join(flaw["fix_versions"]) or "no version yet"
        print(f"{package['name']} {package['version']}: {flaw['id']}, fixed in {fixed}", file=sys.stderr)
    skipped = [package for package in packages if "skip_reason" in package]
    if skipped:
        not_audited(f"{len(skipped)} of {len(packages)} packages; {skipped[0]['skip_reason']}")
    else:
        print(f"{len(packages)} locked packages, {len(found)} known vulnerabilities.")
    return int(bool(found))


def not_audited(why: str) -> int:
    print(f"WARNING: NOT AUDITED, vulnerabilities may be there: {why}", file=sys.stderr)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
