"""Clients that watch one job over plain sockets, in a process of their own.

`python -m bench.audience HOST PORT PATH WATCHERS EVENTS` prints "ready" when each watcher has its first message,
and in the end a JSON list: for each progress event the Unix time at which the last watcher had it.
"""

from __future__ import annotations

import json
import re
import select
import socket
import sys
import time
from collections import Counter

from taskdesk.service.http.serve import allow_files

# The headers of a browser, because the server may keep them in memory.
REQUEST = (
    "GET {path} HTTP/1.1\r\nHost: {host}:{port}\r\nConnection: keep-alive\r\n"
    "User-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/131.0 Safari/537.36\r\n"
    'Accept: text/event-stream\r\nCache-Control: no-cache\r\nsec-ch-ua: "Chromium";v="131", "Not_A Brand";v="24"\r\n'
    'sec-ch-ua-mobile: ?0\r\nsec-ch-ua-platform: "Linux"\r\nSec-Fetch-Site: same-origin\r\nSec-Fetch-Mode: cors\r\n'
    "Sec-Fetch-Dest: empty\r\nReferer: http://{host}:{port}/jobs/5f0c1b1e-6d2a-4c53-9d07-0a6a7c1e2b11\r\n"
    "Accept-Encoding: gzip, deflate, br, zstd\r\nAccept-Language: en-GB,en;q=0.9,de;q=0.8\r\n\r\n"
)
BURST = 200  # connections that are opened before their answers are read
CURRENT = re.compile(rb'"current": (\d+)')


def connect(host: str, port: int, path: str, count: int) -> dict[int, socket.socket]:
    """Return the watchers by descriptor, each with its first message read."""
    request = REQUEST.format(host=host, port=port, path=path).encode()
    watchers: dict[int, socket.socket] = {}
    for begun in range(0, count, BURST):
        some = [socket.create_connection((host, port), timeout=30) for _ in range(min(BURST, count - begun))]
        for watcher in some:
            watcher.sendall(request)
        for watcher in some:
            answer = b""
            while b"event: state" not in answer:
                answer += (received := watcher.recv(8192))
                if not received:
                    raise ConnectionError(answer.decode())
            watcher.setblocking(False)
            watchers[watcher.fileno()] = watcher
    return watchers


def collect(watchers: dict[int, socket.socket], events: int) -> list[float]:
    """Return the Unix time at which the last watcher had each event."""
    poll = select.epoll()
    for descriptor in watchers:
        poll.register(descriptor, select.EPOLLIN)
    seen: Counter[int] = Counter()
    last: dict[int, float] = {}
    while sum(seen.values()) < events * len(watchers):
        for descriptor, _ in poll.poll():
            received = watchers[descriptor].recv(65536)
            if not received:
                raise ConnectionError("a watcher was dropped")
            for found in CURRENT.findall(received):
                seen[int(found)] += 1
                last[int(found)] = time.time()
    return [last[number] for number in range(1, events + 1)]


if __name__ == "__main__":
    host, port, path, count, events = sys.argv[1:]
    allow_files()
    watchers = connect(host, int(port), path, int(count))
    print("ready", flush=True)
    print(json.dumps(collect(watchers, int(events))), flush=True)
    sys.stdin.read()  # until the watchers are not needed any more
