"""The Redis of the benchmarks: one server, on loopback TCP, in memory only, empty before each measurement."""

from __future__ import annotations

import socket
import subprocess
import time
from contextlib import suppress
from pathlib import Path

from redis import Redis
from redis.exceptions import RedisError

from bench.tasks import DONE
from taskdesk.launcher.redis_server import find_redis


class RedisServer:
    """A redis-server process, and what it reports about itself."""

    def __init__(self, folder: Path):
        self.port = free_port()
        self.url = self.database(0)
        self.client = Redis.from_url(self.url)
        self._asked = 0
        # As Taskdesk sets them: without the first, a result of RQ takes 4 kB more; without the second, a job 1 kB.
        lean = "--stream-node-max-bytes 256 --hash-max-ziplist-value 512"
        options = f"--port {self.port} --bind 127.0.0.1 --save  --appendonly no {lean}".split(" ")
        self._process = subprocess.Popen([find_redis(folder), *options], cwd=folder, stdout=subprocess.DEVNULL)
        while not self._answers():
            time.sleep(0.02)

    def __enter__(self) -> RedisServer:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self._process.terminate()
        self._process.wait(timeout=10)

    @property
    def version(self) -> str:
        return str(self.client.info("server")["redis_version"])

    def database(self, number: int) -> str:
        """Return the URL of another database; `url` is that of 0."""
        return f"redis://127.0.0.1:{self.port}/{number}"

    def cpu_seconds(self) -> float:
        cpu = self.client.info("cpu")
        return float(cpu["used_cpu_sys"]) + float(cpu["used_cpu_user"])

    def used_memory(self) -> int:
        """Return the memory that Redis uses, in bytes."""
        return int(self.client.info("memory")["used_memory"])

    def jobs_done(self) -> int:
        """Return how many jobs have counted themselves."""
        self._asked += 1
        return int(self.client.get(DONE) or 0)

    def commands(self) -> int:
        """Return how many commands ran, including those inside scripts, but without `jobs_done` and INFO."""
        stats = self.client.info("commandstats")
        return sum(stat["calls"] for name, stat in stats.items() if name != "cmdstat_info") - self._asked

    def _answers(self) -> bool:
        with suppress(RedisError):
            return bool(self.client.ping())
        return False


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return int(probe.getsockname()[1])
