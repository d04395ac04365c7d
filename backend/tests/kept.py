"""What all applications and connections that tests make share: to make it for each takes most of their time."""

from __future__ import annotations

from functools import cache
from typing import Any, ClassVar

import redis.utils
from jinja2.bccache import Bucket, BytecodeCache
from werkzeug.routing import Rule

from taskdesk.jobs import catalog_reader
from taskdesk.web.application import App


def install() -> None:
    App.jinja_options = {"bytecode_cache": CompiledTemplates()}
    App.url_rule_class = CompiledRule
    catalog_reader._read_catalog = cache(catalog_reader._read_catalog)
    redis.utils.get_lib_version = cache(redis.utils.get_lib_version)


class CompiledTemplates(BytecodeCache):
    """Compile each template once."""

    def __init__(self) -> None:
        self._code: dict[str, bytes] = {}

    def load_bytecode(self, bucket: Bucket) -> None:
        if bucket.key in self._code:
            bucket.bytecode_from_string(self._code[bucket.key])

    def dump_bytecode(self, bucket: Bucket) -> None:
        self._code[bucket.key] = bucket.bytecode_to_string()


class CompiledRule(Rule):
    """Compile each route once."""

    _compiled: ClassVar[dict[tuple[str, str], dict[str, Any]]] = {}
    _results = ("_parts", "_trace", "_converters", "arguments", "_build", "_build_unknown")

    def compile(self) -> None:
        key = (self.rule, repr(self.defaults))
        if key not in self._compiled:
            super().compile()
            self._compiled[key] = {name: getattr(self, name) for name in self._results}
        vars(self).update(self._compiled[key])
