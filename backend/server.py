"""The web's entry point: gevent first, then the folder of the metrics, then the program."""

import os
import signal
import sys

if __name__ == "__main__":
    interrupt = signal.signal(signal.SIGINT, lambda *_: os._exit(130))  # Ctrl-C is quiet while the rest loads

from gevent import events, monkey

events.notify_and_call_entry_points = events.notify  # looking for plug-ins of gevent takes a seventh of the start
monkey.patch_all(os=False, signal=False)  # web processes are forked before gevent's loop runs

from taskdesk.web.metrics.folder import make_folder  # noqa: E402

metrics_folder = make_folder()  # before prometheus_client is imported

from taskdesk.web.main import main  # noqa: E402

if __name__ == "__main__":
    signal.signal(signal.SIGINT, interrupt)
    sys.exit(main())
