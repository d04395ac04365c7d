"""The secrets that sign deliveries, as Standard Webhooks writes them: `whsec_` and the base64 of random bytes."""

from __future__ import annotations

import base64
import binascii

MOST_SECRETS = 2  # the new one, and the one before until all receivers know the new one
MIN_BYTES, MAX_BYTES = 32, 64
_PREFIX = "whsec_"
_MAKE_ONE = 'make one: echo "whsec_$(openssl rand -base64 32)"'


def read_secrets(text: str) -> list[str]:
    """Return the secrets of this list, separated by commas. Raises ValueError, without the text of a secret."""
    secrets = [part.strip() for part in text.split(",") if part.strip()]
    if len(secrets) > MOST_SECRETS:
        raise ValueError(f"it has {len(secrets)} secrets: keep the new one and the one before")
    for secret in secrets:
        _check(secret)
    return secrets


def _check(secret: str) -> None:
    try:
        key = base64.b64decode(secret.removeprefix(_PREFIX), validate=True)
    except binascii.Error:
        key = b""
    if not secret.startswith(_PREFIX) or not key:
        raise ValueError(f"a secret is whsec_ and base64; {_MAKE_ONE}")
    if not MIN_BYTES <= len(key) <= MAX_BYTES:
        raise ValueError(f"a secret has {len(key)} bytes, and needs {MIN_BYTES} to {MAX_BYTES}; {_MAKE_ONE}")
    if len(set(key)) < MIN_BYTES // 4:
        raise ValueError(f"a secret can be guessed; {_MAKE_ONE}")
