"""The entry point of rq-dashboard: gevent's patches first, then the program, `taskdesk/dashboard/main.py`."""

from gevent import events, monkey

events.notify_and_call_entry_points = events.notify  # looking for plug-ins of gevent takes a seventh of the start
monkey.patch_all()

import sys  # noqa: E402

from taskdesk.dashboard.main import main  # noqa: E402

if __name__ == "__main__":
    sys.exit(main())
