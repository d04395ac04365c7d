"""The beginning of all keys in Redis. RQ reads RQ_KEY_PREFIX once, when it is imported, and so do we."""

from __future__ import annotations

import os

RQ_KEY_PREFIX = os.environ.get("RQ_KEY_PREFIX", "rq")
KEY_PREFIX = "taskdesk" if RQ_KEY_PREFIX == "rq" else f"{RQ_KEY_PREFIX}:taskdesk"  # two desks may share one Redis
