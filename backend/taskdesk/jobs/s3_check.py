"""What is wrong with a bucket: a small object is written, read, listed and removed, as jobs do it."""

from __future__ import annotations

import os
import re

import obstore
from obstore.exceptions import BaseError

from taskdesk.jobs.s3_store import S3Store, code_of
from taskdesk.service.settings import SharedSettings

_NO_ROLE = re.compile("169[.]254|169%2E254|/credentials|sts[.]|AssumeRole|InstanceCredentials", re.IGNORECASE)
_SENTENCES = {
    "NoSuchBucket": "there is no bucket {bucket}: create it, or correct the name",
    "InvalidAccessKeyId": "the server does not know the key: correct AWS_ACCESS_KEY_ID",
    "SignatureDoesNotMatch": "the server refuses the secret of the key: correct AWS_SECRET_ACCESS_KEY",
    "ExpiredToken": "the temporary key has expired: set a new one, or use a role",
    "InvalidToken": "the server refuses the token of the key: correct AWS_SESSION_TOKEN",
    "PermanentRedirect": "the bucket {bucket} is in another region: correct AWS_REGION",
    "AuthorizationHeaderMalformed": "the bucket {bucket} is in another region: correct AWS_REGION",
}


def fault_of_bucket(store: S3Store, settings: SharedSettings) -> str:
    """Return a sentence; empty if the bucket can be used. It begins with "-" if the server is away, which may pass."""
    step, bucket, key = "", settings.artifacts, f"check-{os.urandom(8).hex()}"
    try:
        step = "write to {} (s3:PutObject)"
        obstore.put(store.bucket, key, b"taskdesk")
        step = "read from {} (s3:GetObject)"
        obstore.get(store.bucket, key).bytes()
        step = "list {} (s3:ListBucket)"
        list(obstore.list(store.bucket, key))
        step = "delete from {} (s3:DeleteObject)"
        obstore.delete(store.bucket, key)
    except (BaseError, OSError) as error:
        return _sentence(error, step.format(bucket), settings)
    return ""


def _sentence(error: Exception, step: str, settings: SharedSettings) -> str:
    code, bucket = code_of(error), settings.artifacts
    if code in _SENTENCES:
        return f"ARTIFACTS: {_SENTENCES[code].format(bucket=bucket)}"
    if code == "AccessDenied" or isinstance(error, PermissionError) or "PermissionDenied" in type(error).__name__:
        return f"ARTIFACTS: the key may not {step}: give it this right ({code or 'forbidden'})"
    if not settings.aws_access_key_id and _NO_ROLE.search(str(error)):
        return "ARTIFACTS: there is no key and no role: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or give one"
    if code:
        return f"ARTIFACTS: the server refuses to {step}: {code}"
    where = settings.aws_endpoint_url or "Amazon's S3"
    return f"-ARTIFACTS: {where} can't be reached: files can't be stored or read until it can"
