"""A real server that speaks S3 (moto's), as a process on 127.0.0.1."""

from __future__ import annotations

import json
import subprocess
import sys
import urllib.request
from contextlib import suppress
from pathlib import Path
from typing import Any

import boto3

from tests.waiting import wait_until

KEY_ID, SECRET = "AKIDTASKDESKTESTS", "an0therL0ngSecretOfATestThatNobodyHas"


class ObjectServer:
    def __init__(self, port: int, log: Path):
        self.port, self._log = port, log
        self.url = f"http://127.0.0.1:{port}"
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        command = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(self.port)]
        with self._log.open("ab") as log:
            self.process = subprocess.Popen(command, stdout=log, stderr=log)
        wait_until(self.answers, seconds=60, what="the server of objects answers")

    def answers(self) -> bool:
        with suppress(OSError), urllib.request.urlopen(self.url + "/moto-api/", timeout=5) as answer:
            return bool(answer.status == 200)
        return False

    def stop(self) -> None:
        if self.process:
            self.process.terminate()
            self.process.wait(timeout=60)

    def settings(self, bucket: str = "files", prefix: str = "desk") -> dict[str, str]:
        """The settings that use a bucket of it."""
        return {
            "ARTIFACTS": f"s3://{bucket}/{prefix}",
            "AWS_ENDPOINT_URL": self.url,
            "AWS_ACCESS_KEY_ID": KEY_ID,
            "AWS_SECRET_ACCESS_KEY": SECRET,
        }

    def make_bucket(self, bucket: str = "files") -> None:
        self._send("PUT", f"/{bucket}")

    def check_keys(self, *, policy: dict[str, Any] | None = None) -> dict[str, str]:
        """Refuse from now on whoever has no key. Return the settings with the key of a user who has this policy."""
        iam = boto3.client(
            "iam",
            endpoint_url=self.url,
            region_name="us-east-1",
            aws_access_key_id=KEY_ID,
            aws_secret_access_key=SECRET,
        )
        iam.create_user(UserName="desk")
        if policy:
            iam.put_user_policy(UserName="desk", PolicyName="of-desk", PolicyDocument=json.dumps(policy))
        key = iam.create_access_key(UserName="desk")["AccessKey"]
        self._send("POST", "/moto-api/reset-auth", b"0")
        access = {"AWS_ACCESS_KEY_ID": key["AccessKeyId"], "AWS_SECRET_ACCESS_KEY": key["SecretAccessKey"]}
        return {**self.settings(), **access}

    def forget_all(self) -> None:
        self._send("POST", "/moto-api/reset-auth", b"inf")
        self._send("POST", "/moto-api/reset")

    def _send(self, method: str, path: str, body: bytes = b"") -> None:
        headers = {"Content-Type": "text/plain"}
        with urllib.request.urlopen(urllib.request.Request(self.url + path, body, headers, method=method), timeout=20):
            pass
