"""The worker's entry point."""

import os
import signal
import sys

if __name__ == "__main__":
    interrupt = signal.signal(signal.SIGINT, lambda *_: os._exit(130))  # Ctrl-C is quiet while the rest loads

from taskdesk.worker.main import main

if __name__ == "__main__":
    signal.signal(signal.SIGINT, interrupt)
    sys.exit(main())
