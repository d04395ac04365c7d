"""rq-dashboard 0.9 as we serve it: what it does wrong is changed around it, without a fork.

Nothing in a process that imports this package unpickles. RQ's `resolve_serializer(None)` and rq-dashboard, when it is
imported, take the serializer by these names; so this stands before all else.
"""

from __future__ import annotations

from typing import Any

import rq.serializers


class LenientSerializer(rq.serializers.JSONSerializer):
    """JSON; and what is none is shown as text."""

    @staticmethod
    def loads(s: bytes, *args: Any, **kwargs: Any) -> Any:
        try:
            return rq.serializers.JSONSerializer.loads(s, *args, **kwargs)
        except ValueError:
            return s.decode("utf-8", "backslashreplace")


rq.serializers.PickleSerializer = rq.serializers.DefaultSerializer = LenientSerializer  # type: ignore
