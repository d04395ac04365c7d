"""Hosts that each run a Redis and a Sentinel: one Redis is the primary, the others are its replicas.

In a network of their own if this is Linux, with root's rights and the program `ip`: then each host has a network
namespace, and can be cut off. Else all of them are 127.0.0.1, with other ports.
"""

from __future__ import annotations

import itertools
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from redis import Redis
from redis.exceptions import RedisError

from taskdesk.launcher.redis_server import find_redis
from tests.conftest import free_port
from tests.waiting import wait_until

NAME = "desk"
CAN_MAKE_NETWORKS = hasattr(os, "geteuid") and os.geteuid() == 0 and bool(shutil.which("ip"))
_DOWN_MS = 2_000  # that a server is silent before a Sentinel takes it for dead
_numbers = itertools.count(1)


class Network:
    """A network namespace with a bridge, and one with an address for each host. They are removed at the end.

    The bridge has a namespace of its own, where no firewall of this machine stands between the hosts.
    """

    def __init__(self) -> None:
        number = next(_numbers)
        self._name = f"td{os.getpid() % 100_000}x{number}"
        self._subnet = f"10.{200 + number % 50}.{os.getpid() % 250}"
        self._switch = f"{self._name}s"
        self._namespaces = [self._switch]
        _ip("netns", "add", self._switch)
        self._in_switch("link", "add", "bridge", "type", "bridge")
        self._in_switch("link", "set", "bridge", "up")
        _ip("link", "add", self._name, "type", "veth", "peer", "name", "machine", "netns", self._switch)
        self._in_switch("link", "set", "machine", "master", "bridge", "up")
        _ip("address", "add", f"{self._subnet}.1/24", "dev", self._name)
        _ip("link", "set", self._name, "up")

    def add(self, number: int) -> tuple[str, list[str]]:
        """Add a host; return its address, and the beginning of a command that runs there."""
        space, cable, address = f"{self._name}n{number}", _cable(number), f"{self._subnet}.{number + 10}"
        _ip("netns", "add", space)
        self._namespaces.append(space)
        self._in_switch("link", "add", cable, "type", "veth", "peer", "name", "eth0", "netns", space)
        self._in_switch("link", "set", cable, "master", "bridge", "up")
        _ip("-n", space, "address", "add", f"{address}/24", "dev", "eth0")
        for device in ("lo", "eth0"):
            _ip("-n", space, "link", "set", device, "up")
        return address, ["ip", "netns", "exec", space]

    def connect(self, number: int, *, is_connected: bool) -> None:
        self._in_switch("link", "set", _cable(number), "up" if is_connected else "down")

    def _in_switch(self, *arguments: str) -> None:
        _ip("-n", self._switch, *arguments)

    def remove(self) -> None:
        for space in self._namespaces:
            _ip("netns", "del", space)


def _cable(number: int) -> str:
    return f"host{number}"


class Host:
    def __init__(self, folder: Path, number: int, network: Network | None):
        self.number, self._network, self._folder = number, network, folder / str(number)
        self._folder.mkdir()
        self.address, self._inside = network.add(number) if network else ("127.0.0.1", [])
        self.port, self.sentinel_port = (6379, 26379) if network else (free_port(), free_port())
        self.password: str | None = None
        self._server: subprocess.Popen[bytes] | None = None
        self._sentinel: subprocess.Popen[bytes] | None = None

    def configure(self, primary: Host, options: dict[str, str]) -> None:
        common = f"bind {self.address}\ndir {self._folder}\nprotected-mode no\n"
        server = f"{common}port {self.port}\nappendonly yes\nrepl-diskless-sync-delay 0\n"
        server += "repl-ping-replica-period 1\nrepl-timeout 5\n"  # until a connection that was cut is opened again
        server += "".join(f"{name} {value}\n" for name, value in options.items())
        if self is not primary:
            server += f"replicaof {primary.address} {primary.port}\n"
        watched = f"sentinel monitor {NAME} {primary.address} {primary.port} 2\n"
        self.password = options.get("requirepass")
        if self.password:
            watched += f"sentinel auth-pass {NAME} {self.password}\n"
        watched += f"sentinel down-after-milliseconds {NAME} {_DOWN_MS}\nsentinel failover-timeout {NAME} 6000\n"
        (self._folder / "server.conf").write_text(server)
        (self._folder / "sentinel.conf").write_text(f"{common}port {self.sentinel_port}\n{watched}")

    def start(self) -> None:
        self._server = self._launch("server")

    def start_sentinel(self) -> None:
        self._sentinel = self._launch("sentinel", "--sentinel")

    def _launch(self, role: str, *more: str) -> subprocess.Popen[bytes]:
        command = [*self._inside, find_redis(self._folder / "none"), str(self._folder / f"{role}.conf"), *more]
        with (self._folder / f"{role}.log").open("ab") as log:
            return subprocess.Popen(command, stdout=log, stderr=log)

    @property
    def redis(self) -> Redis:
        return Redis(self.address, self.port, password=self.password, socket_timeout=2, socket_connect_timeout=2)

    @property
    def sentinel(self) -> Redis:
        return Redis(self.address, self.sentinel_port, socket_timeout=2, socket_connect_timeout=2)

    def is_replicating(self) -> bool:
        with suppress(RedisError), self.redis as redis:
            return bool(redis.info("replication").get("master_link_status") == "up")
        return False

    def kill(self) -> None:
        assert self._server
        self._server.kill()
        self._server.wait(timeout=60)

    def freeze(self) -> None:
        assert self._server
        self._server.send_signal(signal.SIGSTOP)

    def cut_off(self) -> None:
        """Let no packet in or out: those who send get no answer at all."""
        assert self._network
        self._network.connect(self.number, is_connected=False)

    def heal(self) -> None:
        """Undo what was done to this host."""
        assert self._server
        if self._network:
            self._network.connect(self.number, is_connected=True)
        self._server.send_signal(signal.SIGCONT)
        if self._server.poll() is not None:
            self._server = self._launch("server")

    def stop(self) -> None:
        for process in filter(None, (self._server, self._sentinel)):
            process.kill()
            process.wait(timeout=60)


class Hosts:
    """`url`: the address for Taskdesk."""

    def __init__(self, hosts: list[Host], options: dict[str, str]):
        self.hosts = hosts
        password = options.get("requirepass", "")
        sentinels = ",".join(f"{host.address}:{host.sentinel_port}" for host in hosts)
        self.sentinels = sentinels
        self.url = f"redis+sentinel://{password and f':{password}@'}{sentinels}/{NAME}"

    def primary(self, *, not_from: Host | None = None) -> Host:
        """Return the primary that the Sentinels name; `not_from`: one that can't be asked now."""
        for host in self.hosts:
            with suppress(RedisError):
                if host is not not_from:
                    with host.sentinel as sentinel:
                        address, port = sentinel.sentinel_get_master_addr_by_name(NAME)
                    return next(one for one in self.hosts if (one.address.encode(), one.port) == (address, port))
        raise AssertionError("no Sentinel answers")

    def until_promoted(self, old: Host) -> tuple[Host, float]:
        """Wait until the Sentinels name another primary, and it is one; return it, and the time."""
        wait_until(lambda: self.primary(not_from=old) is not old, what="another primary is named")
        new = self.primary(not_from=old)
        wait_until(lambda: new.redis.role()[0] in ("master", b"master"), what="it is one")
        return new, time.time()

    def until_whole(self) -> None:
        """Wait until all others are replicas of the primary, and every Sentinel knows the others."""
        primary = self.primary()
        others = [host for host in self.hosts if host is not primary]
        what = "the others are replicas"
        wait_until(lambda: all(host.is_replicating() for host in others), seconds=120, what=what)
        wait_until(lambda: all(map(self._knows_all, self.hosts)), what="the Sentinels know each other")

    def _knows_all(self, host: Host) -> bool:
        with suppress(RedisError), host.sentinel as sentinel:
            state = sentinel.sentinel_masters()[NAME]
            count = len(self.hosts) - 1
            return (state["num-other-sentinels"], state["num-slaves"]) == (count, count) and not state["is_sdown"]
        return False


@contextmanager
def redis_hosts(folder: Path, count: int = 3, *, in_network: bool = False, **options: str) -> Iterator[Hosts]:
    """Start hosts, and wait until they work together. `options`: those of the configuration of each Redis."""
    network = Network() if in_network else None
    started: list[Host] = []
    try:
        for number in range(count):
            started.append(Host(folder, number, network))
        for host in started:
            host.configure(started[0], {name.replace("_", "-"): value for name, value in options.items()})
            host.start()
        hosts = Hosts(started, options)
        # A Sentinel asks a new primary for its replicas at once, and then every ten seconds.
        wait_until(lambda: all(host.is_replicating() for host in started[1:]), what="the others are replicas")
        for host in started:
            host.start_sentinel()
        wait_until(lambda: all(map(_sentinel_answers, started)), what="the Sentinels answer")
        hosts.until_whole()
        yield hosts
    finally:
        for host in started:
            host.stop()
        if network:
            network.remove()


def _sentinel_answers(host: Host) -> bool:
    with suppress(RedisError), host.sentinel as sentinel:
        return bool(sentinel.ping())
    return False


def _ip(*arguments: str) -> None:
    subprocess.run(["ip", *arguments], check=True)
