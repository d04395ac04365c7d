"""The Redis of a scenario: it can be killed, frozen and robbed of its last bytes."""

from __future__ import annotations

import os
import signal

from redis import Redis

from tests.conftest import RedisServer


class FaultyRedis(RedisServer):
    """It comes back on the same port with the same data.

    It syncs at every write: what it loses would be the disk's doing, and is no question to the workers.
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
        """Kill it, and cut so many bytes off its file. What it has lost by that: a few bytes more, as a transaction
        that lacks its end counts for nothing.
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
