"""The check of the store when a program starts: a sentence says what is wrong with the bucket."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from tests.conftest import BACKEND, free_port

CHECK = "from taskdesk.jobs.stores import check_store as c; from taskdesk.service.settings import *; " + (
    "c(load_settings_or_exit(SharedSettings))"
)
ALL = ["s3:PutObject", "s3:GetObject", "s3:ListBucket", "s3:DeleteObject"]


def policy(*actions):
    rules = [{"Effect": "Allow", "Action": actions, "Resource": "*"}]
    return {"Version": "2012-10-17", "Statement": rules} if actions else None


def check(settings, code=CHECK):
    """Return the status of a program that checks its store, and what it says."""
    env = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    words = [sys.executable, "-c", code]
    done = subprocess.run(words, cwd=BACKEND, env=env | settings, capture_output=True, text=True, timeout=60)
    return done.returncode, done.stderr


@pytest.mark.slow
def test_a_bucket_that_can_be_used_is_left_as_it_was(bucket):
    settings = bucket.check_keys(policy=policy(*ALL))

    assert check(settings) == (0, "")
    assert check({**settings, "ARTIFACTS": "s3://files"}) == (0, "")


@pytest.mark.parametrize("missing", ALL[:3])  # moto does not check the right to delete several objects
def test_a_right_that_is_missing_is_named(bucket, missing):
    status, said = check(bucket.check_keys(policy=policy(*(one for one in ALL if one != missing))))

    assert status == 2
    assert "ARTIFACTS: the key may not " in said
    assert f"s3://files/desk ({missing}): give it this right" in said


@pytest.mark.slow
@pytest.mark.parametrize(
    ("changed", "sentence"),
    [
        ({"ARTIFACTS": "s3://another/desk"}, "there is no bucket s3://another/desk: create it, or correct the name"),
        ({"AWS_ACCESS_KEY_ID": "AKIDOFNOBODY00000000"}, "does not know the key: correct AWS_ACCESS_KEY_ID"),
        ({"AWS_SECRET_ACCESS_KEY": "x" * 40}, "refuses the secret of the key: correct AWS_SECRET_ACCESS_KEY"),
    ],
)
def test_what_is_wrong_is_named_without_the_secret(bucket, changed, sentence):
    settings = {**bucket.check_keys(policy=policy("s3:*")), **changed}

    status, said = check(settings)

    assert status == 2
    assert sentence in said
    assert settings["AWS_SECRET_ACCESS_KEY"] not in said
    assert "Traceback" not in said


@pytest.mark.parametrize(
    ("changed", "sentence"),
    [
        ({"ARTIFACTS": "gs://files/desk"}, "ARTIFACTS: it has to be a folder, or s3://BUCKET/PREFIX"),
        ({"ARTIFACTS": "s3://Files"}, "ARTIFACTS: it has to be a folder, or s3://BUCKET/PREFIX"),
        ({"ARTIFACTS": "s3://files/a//b"}, "ARTIFACTS: it has to be a folder, or s3://BUCKET/PREFIX"),
        ({"AWS_SECRET_ACCESS_KEY": ""}, "AWS_ACCESS_KEY_ID: set it and AWS_SECRET_ACCESS_KEY, or none of them"),
        ({"AWS_ENDPOINT_URL": "s3.example.org"}, "AWS_ENDPOINT_URL: it has to be https://HOST or http://HOST:PORT"),
        ({"AWS_ENDPOINT_URL": "http://a/path"}, "AWS_ENDPOINT_URL: it has to be https://HOST or http://HOST:PORT"),
    ],
)
def test_a_wrong_setting_is_named_before_anything_is_asked(bucket, changed, sentence):
    status, said = check({**bucket.settings(), **changed})

    assert status == 2
    assert sentence in said
    assert bucket.settings()["AWS_SECRET_ACCESS_KEY"] not in said


def test_settings_of_amazon_are_no_fault_without_a_bucket(bucket):
    assert check({"AWS_ACCESS_KEY_ID": "one", "AWS_ENDPOINT_URL": "anything"}) == (0, "")


def test_a_server_that_is_away_is_only_said(bucket):
    status, said = check({**bucket.settings(), "AWS_ENDPOINT_URL": f"http://127.0.0.1:{free_port()}"})

    assert status == 0
    assert "can't be reached: files can't be stored or read until it can" in said


def test_a_missing_library_is_named_with_the_remedy(bucket):
    code = f"import sys; sys.modules['obstore'] = None; {CHECK}"

    status, said = check(bucket.settings(), code)

    assert status == 2
    assert "which is not installed: pip install 'taskdesk[s3]'" in said


@pytest.mark.slow
@pytest.mark.parametrize("program", ["server", "worker"])
def test_each_program_checks_the_bucket(bucket, redis_url, tmp_path, program):
    settings = {**bucket.settings("another"), "REDIS_URL": redis_url, "DATA_DIR": str(tmp_path)}

    status, said = check(settings, f"import runpy; runpy.run_path('{program}.py', run_name='__main__')")

    assert status == 2
    assert "there is no bucket s3://another/desk" in said


@pytest.fixture
def role(bucket, tmp_path):
    """The settings of a container that has a role: a server gives keys to whoever has the token."""
    key = bucket.settings()
    answer = {
        "AccessKeyId": key["AWS_ACCESS_KEY_ID"],
        "SecretAccessKey": key["AWS_SECRET_ACCESS_KEY"],
        "Token": "token-of-the-role",
        "Expiration": "2100-01-01T00:00:00Z",
    }

    class Keys(BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(200 if self.headers["Authorization"] == "token-of-the-pod" else 403)
            self.end_headers()
            self.wfile.write(json.dumps(answer).encode())

        def log_message(self, *_):
            pass

    server = HTTPServer(("127.0.0.1", 0), Keys)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    (tmp_path / "token").write_text("token-of-the-pod")
    yield {
        "ARTIFACTS": key["ARTIFACTS"],
        "AWS_ENDPOINT_URL": bucket.url,
        "AWS_CONTAINER_CREDENTIALS_FULL_URI": f"http://127.0.0.1:{server.server_port}/v1/credentials",
        "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE": str(tmp_path / "token"),
    }
    server.shutdown()
    thread.join()
    server.server_close()


def test_without_a_key_the_role_is_used(role):
    assert check(role) == (0, "")


def test_without_a_key_and_a_role_a_sentence_says_so(role, tmp_path):
    (tmp_path / "token").write_text("another")

    status, said = check(role)

    assert status == 2
    assert "there is no key and no role: set AWS_ACCESS_KEY_ID" in said
