"""The settings of the store of the files: a folder, or a bucket of S3 or of a server that speaks its protocol."""

from __future__ import annotations

import re
from typing import Annotated, NamedTuple

from pydantic import AfterValidator, Field, SecretStr

_SCHEME = "s3://"
_BUCKET = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")
_PREFIX = re.compile(r"[0-9A-Za-z_.-]+(/[0-9A-Za-z_.-]+)*|")
_ENDPOINT = re.compile(r"https?://[^\s/@?#]+/?")


class Place(NamedTuple):
    """A bucket, and what the names of all our objects in it begin with: without slashes at its ends."""

    bucket: str
    prefix: str


def place_of(artifacts: str) -> Place | None:
    """Return the bucket that ARTIFACTS names; None if it is a folder. Raises ValueError."""
    if "://" not in artifacts:
        return None
    bucket, _, prefix = artifacts.removeprefix(_SCHEME).partition("/")
    prefix = prefix.strip("/")
    if not artifacts.startswith(_SCHEME) or not _BUCKET.fullmatch(bucket) or not _PREFIX.fullmatch(prefix):
        raise ValueError("it has to be a folder, or s3://BUCKET/PREFIX of letters, digits, '.', '_' and '-'")
    return Place(bucket, prefix)


def _is_a_place(value: str) -> str:
    place_of(value)
    return value


def check_access(endpoint: str, key_id: str, secret: SecretStr) -> None:
    """Raises ValueError if no server can be reached with these settings."""
    if endpoint and not _ENDPOINT.fullmatch(endpoint):
        raise ValueError("AWS_ENDPOINT_URL: it has to be https://HOST or http://HOST:PORT, without a password")
    if bool(key_id) != bool(secret.get_secret_value()):
        raise ValueError("AWS_ACCESS_KEY_ID: set it and AWS_SECRET_ACCESS_KEY, or none of them")


Artifacts = Annotated[
    str,
    AfterValidator(_is_a_place),
    Field(
        description="Where the files of jobs are: a folder, or `s3://BUCKET/PREFIX`; `docs/artifacts.md` explains it. "
        "Web, workers, rq-dashboard and command line use the same. Empty: the folder `artifacts` in `DATA_DIR`."
    ),
]
Endpoint = Annotated[
    str,
    Field(
        description="Address of a server that speaks S3, such as `https://s3.example.org`; browsers download from it. "
        "Empty: Amazon's. This and the following are used with `ARTIFACTS=s3://…`."
    ),
]
Region = Annotated[str, Field(description="Region of the bucket.")]
KeyId = Annotated[
    str, Field(description="Id of the access key for the bucket. Empty: the role of the machine, container or pod.")
]
SecretKey = Annotated[SecretStr, Field(description="Secret of that access key.")]
SessionToken = Annotated[SecretStr, Field(description="Session token, which only temporary access keys have.")]
