"""Flask's sessions in signed cookies, but dated by the clock of Redis.

Another web process may have signed a cookie, and Flask treats a cookie from the future as expired.
"""

from __future__ import annotations

from flask import Flask
from flask.sessions import SecureCookieSessionInterface
from itsdangerous import TimestampSigner, URLSafeTimedSerializer

from taskdesk.service import clock


class _Signer(TimestampSigner):
    def get_timestamp(self) -> int:
        return int(clock.now())


class Sessions(SecureCookieSessionInterface):
    def get_signing_serializer(self, app: Flask) -> URLSafeTimedSerializer | None:
        serializer = super().get_signing_serializer(app)
        if serializer:
            serializer.signer = _Signer
        return serializer
