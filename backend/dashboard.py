"""The entry point of rq-dashboard: gevent's patches first, then the program, `taskdesk/dashboard/main.py`."""

import os
import signal
import sys

if __name__ == "__main__":
    interrupt = signal.signal(signal.SIGINT, lambda *_: os._exit(130))  # Ctrl-C is quiet while the rest loads

from gevent import events, monkey

events.notify_and_call_entry_points = events.notify  # looking for plug-ins of gevent takes a seventh of the start
monkey.patch_all()

from taskdesk.dashboard.main import main  # noqa: E402

if __name__ == "__main__":
    signal.signal(signal.SIGINT, interrupt)
    sys.exit(main())
