"""Commands of the benchmark to a peer: `python -m bench.peers huey submit 1000`, `… huey latencies 300`, `… versions`,
`… flask_rq finish 100`."""

import json
import os
import sys
from importlib import import_module
from importlib.metadata import version

from redis import Redis

from bench.arrivals import latencies

LIBRARIES = (
    *("celery", "dramatiq", "falcon", "flask", "gevent", "gunicorn"),
    *("hiredis", "huey", "redis", "rq", "taskiq", "taskiq-redis"),
)


def main(arguments: list[str]) -> None:
    if arguments == ["versions"]:
        print(json.dumps({library: version(library) for library in LIBRARIES}))
        return
    name, command, number = arguments
    peer = import_module(f"bench.peers.{name}")
    if command in ("submit", "finish"):
        getattr(peer, command)(int(number))
    else:
        redis = Redis.from_url(os.environ["REDIS_URL"])
        print(json.dumps(latencies(redis, peer.submit_arrival, int(number))))


if __name__ == "__main__":
    main(sys.argv[1:])
