"""A real Redis that refuses commands: each context manager puts it into a state for as long as the block lasts."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from redis import Redis
from redis.exceptions import RedisError

from tests.conftest import wait_until

State = Callable[[Redis], Iterator[None]]


def _set(name: str, value: str, before: str) -> State:
    def state(redis: Redis) -> Iterator[None]:
        redis.config_set(name, value)
        yield
        redis.config_set(name, before)

    return state


def _replica(redis: Redis) -> Iterator[None]:
    redis.replicaof("127.0.0.1", 1)
    yield
    redis.replicaof("NO", "ONE")


def _replica_without_master(redis: Redis) -> Iterator[None]:
    for name in ("replica-serve-stale-data", "replica-read-only"):
        redis.config_set(name, "no")
    yield from _replica(redis)
    for name in ("replica-serve-stale-data", "replica-read-only"):
        redis.config_set(name, "yes")


def _save_failed(redis: Redis) -> Iterator[None]:
    """Kill the process that saves, which looks to Redis like a failing disk."""
    before = redis.config_get("save")["save"]
    redis.set("something", "to save")
    redis.config_set("save", "3600 1")
    redis.config_set("rdb-key-save-delay", 10_000_000)
    redis.bgsave()
    pid = redis.info("server")["process_id"]
    [saving] = wait_until(lambda: Path(f"/proc/{pid}/task/{pid}/children").read_text().split(), what="Redis saves")
    os.kill(int(saving), signal.SIGKILL)
    wait_until(lambda: redis.info("persistence")["rdb_last_bgsave_status"] == "err", what="Redis can't save")
    yield
    redis.config_set("rdb-key-save-delay", 0)
    redis.bgsave()
    wait_until(lambda: redis.info("persistence")["rdb_last_bgsave_status"] == "ok", what="Redis can save again")
    redis.config_set("save", before)


def _busy(redis: Redis) -> Iterator[None]:
    def run() -> None:
        with (
            Redis(port=redis.connection_pool.connection_kwargs["port"], socket_timeout=60) as busy,
            suppress(RedisError),
        ):
            busy.eval("while true do end", 0)

    def is_busy() -> bool:
        try:
            redis.ping()
        except RedisError:
            return True
        return False

    redis.config_set("lua-time-limit", 5)
    running = threading.Thread(target=run)
    running.start()
    wait_until(is_busy, what="Redis runs a script")
    yield
    redis.script_kill()
    running.join()


def _password(redis: Redis) -> Iterator[None]:
    redis.config_set("requirepass", "another")  # this connection stays logged in
    redis.client_kill_filter(_type="normal", skipme=True)
    yield
    redis.config_set("requirepass", "")


STATES: dict[str, State] = {
    "OOM": _set("maxmemory", "1", "0"),
    "READONLY": _replica,
    "MASTERDOWN": _replica_without_master,
    "NOREPLICAS": _set("min-replicas-to-write", "1", "0"),
    "MISCONF": _save_failed,
    "BUSY": _busy,
    "NOAUTH": _password,
}


@contextmanager
def refusing(redis: Redis, code: str) -> Iterator[None]:
    """`redis` must have one connection of its own."""
    state = STATES[code](redis)
    next(state)
    try:
        yield
    finally:
        next(state, None)
