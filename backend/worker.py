"""The worker's entry point."""

import sys

from taskdesk.worker.main import main

if __name__ == "__main__":
    sys.exit(main())
