"""The Redis of a scenario, which can be killed, frozen, and lose its last bytes."""

from __future__ import annotations

import os
import signal

from redis import Redis

from tests.conftest import RedisServer


class FaultyRedis(RedisServer):
    """A Redis that comes back on the same port with the same data.

    It syncs at every write, so that it loses nothing unless a scenario cuts its file.
    """

    def start(self) -> None:
        super().start()
        with Redis.from_url(self.url) as redis:
            redis.config_set("appendfsync", "always")

    def kill(self) -> None:
        assert self.process
        self.process.kill()
        self.process.wait(timeout=60)

    def lose(self, size: int) -> bytes:
        """Kill Redis, and cut this many bytes off its file. Return what it lost: a few bytes more, because Redis
        ignores a transaction without its end.
        """
        self.kill()
        [file] = [*self._folder.glob("appendonly.aof"), *self._folder.glob("appendonlydir/*.incr.aof")]
        content = file.read_bytes()
        left = content[:-size]
        os.truncate(file, len(left))
        return content[max(0, left.rfind(b"*1\r\n$5\r\nMULTI")) :]

    def freeze(self) -> None:
        assert self.process
        self.process.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        assert self.process
        self.process.send_signal(signal.SIGCONT)

    def stop(self) -> None:
        self.thaw()
        super().stop()
