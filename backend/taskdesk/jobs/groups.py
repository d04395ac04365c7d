"""Worker groups: workers with the same tasks, queues and image, under the name of `WORKER_GROUP`.

A group stays announced for GROUP_TTL_SECONDS after its last worker, so its tasks are offered while an autoscaler has
stopped all its workers.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass

from redis import Redis
from redis.client import Pipeline

from taskdesk.jobs.damage import DAMAGE
from taskdesk.jobs.keys import GROUPS, group_key
from taskdesk.service import clock

GROUP_TTL_SECONDS = 30 * 24 * 3600  # after its last worker has gone


@dataclass(frozen=True)
class Group:
    """A worker group, as its newest workers have announced it. `catalog`: the hash of the catalog that it serves."""

    name: str
    queues: tuple[str, ...]
    catalog: str


def announce_group(pipeline: Pipeline, group: Group, *, again: bool) -> None:
    """Store the group. What newer workers of it have announced stays if it is announced `again`."""
    key = group_key(group.name)
    pipeline.set(key, json.dumps([*group.queues, group.catalog]), ex=GROUP_TTL_SECONDS, nx=again)
    pipeline.expire(key, GROUP_TTL_SECONDS)
    pipeline.zadd(GROUPS, {group.name: clock.now()})
    pipeline.zremrangebyscore(GROUPS, 0, clock.now() - 2 * GROUP_TTL_SECONDS)


def read_groups(redis: Redis, names: Iterable[str]) -> list[Group]:
    """Return the groups of these names. One that is gone, or damaged in Redis, is left out."""
    names = sorted(names)
    documents = redis.mget(map(group_key, names)) if names else []
    found = (_group(name, document) for name, document in zip(names, documents, strict=True))
    return [group for group in found if group]


def _group(name: str, document: bytes | None) -> Group | None:
    try:
        *queues, catalog = json.loads(document or b"")
        return Group(name, tuple(map(str, queues)), str(catalog))
    except DAMAGE:
        return None
