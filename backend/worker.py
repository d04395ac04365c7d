"""The worker's entry point: settings, discover the tasks, run jobs."""

import logging
import sys

from jobkit.logs import log_to_file
from jobkit.processes import Pool
from jobkit.settings import load_or_exit
from jobkit.startup import refuse_unsafe
from runner.discovery import discover
from runner.settings import WorkerSettings
from runner.worker import work


def main() -> int:
    settings = load_or_exit(WorkerSettings)
    refuse_unsafe(settings)
    log_to_file(settings.log_dir, "worker")
    logging.basicConfig(level=logging.INFO, format="%(levelname)s %(message)s", stream=sys.stdout)
    log = logging.getLogger("worker")

    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]  # no task fails for what it prints
    registry = discover(settings)
    for broken in registry.catalog.broken:
        log.error("%s can't be used: %s", broken.module, broken.error)
    log.info("%d tasks on queues %s", len(registry.tasks), ", ".join(settings.queues))

    return Pool("worker process", settings.workers, lambda: work(settings, registry)).run()


if __name__ == "__main__":
    sys.exit(main())
