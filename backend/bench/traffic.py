"""Measure the traffic of a worker with Redis: round trips and commands per job, and per second while it is idle."""

from __future__ import annotations

import select
import socket
import threading
import time
from contextlib import suppress
from dataclasses import dataclass
from socketserver import BaseRequestHandler, ThreadingTCPServer

from bench.contenders import Contender, Taskdesk
from bench.drain import DRAIN_SECONDS, START_SECONDS, wait_for_done
from bench.redis_server import RedisServer

SETTLE_SECONDS = 5.0  # after its start, until a worker is idle


@dataclass(frozen=True)
class Traffic:
    """Traffic per second, or per job without the round trip and the command of the task itself."""

    round_trips: float
    commands: float  # including those inside scripts


def traffic(server: RedisServer, contender: Contender, jobs: int) -> Traffic:
    """Drain the jobs with one worker process, through a proxy that counts the round trips."""
    server.client.flushall()
    contender.submit(server.url, jobs)
    with CountingProxy(server.port) as proxy, contender.start(proxy.url, 1) as workers:
        before = wait_for_done(server, workers, max(1, jobs // 20), START_SECONDS)
        trips, commands = proxy.round_trips, server.commands()
        done = wait_for_done(server, workers, jobs, DRAIN_SECONDS) - before
        return Traffic(
            round_trips=(proxy.round_trips - trips) / done - 1,
            commands=(server.commands() - commands) / done - 1,
        )


def idle_traffic(server: RedisServer, taskdesk: Taskdesk, queues: int, seconds: float) -> Traffic:
    """Return the traffic per second of an idle worker that listens on this number of queues."""
    server.client.flushall()
    names = ("default", *(f"queue{number}" for number in range(2, queues + 1)))
    with CountingProxy(server.port) as proxy, taskdesk.start(proxy.url, 1, QUEUES=",".join(names)) as workers:
        time.sleep(SETTLE_SECONDS)
        workers.check()
        trips, commands = proxy.round_trips, server.commands()
        time.sleep(seconds)
        return Traffic((proxy.round_trips - trips) / seconds, (server.commands() - commands) / seconds)


class CountingProxy(ThreadingTCPServer):
    """A proxy that counts round trips: a client sends, in one part or more, then Redis answers."""

    daemon_threads = True

    def __init__(self, redis_port: int):
        super().__init__(("127.0.0.1", 0), _Connection)
        self.url = f"redis://127.0.0.1:{self.server_address[1]}/0"
        self.redis_port = redis_port
        self.round_trips = 0
        self.counting = threading.Lock()
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def __enter__(self) -> CountingProxy:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.shutdown()
        self.server_close()


class _Connection(BaseRequestHandler):
    server: CountingProxy

    def handle(self) -> None:
        client: socket.socket = self.request
        with suppress(ConnectionError), socket.create_connection(("127.0.0.1", self.server.redis_port)) as redis:
            for side in (client, redis):
                side.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            asked = False
            while True:
                for side in select.select([client, redis], [], [])[0]:
                    data = side.recv(65536)
                    if not data:
                        return
                    if side is client and not asked:
                        with self.server.counting:
                            self.server.round_trips += 1
                    asked = side is client
                    (redis if asked else client).sendall(data)
