"""The command `taskdesk`, also `python -m taskdesk`."""

import os
import signal
import sys

signal.signal(signal.SIGINT, lambda *_: os._exit(130))  # Ctrl-C is quiet while the rest loads

from taskdesk.cli import program  # noqa: E402


def main() -> None:
    signal.signal(signal.SIGINT, signal.default_int_handler)
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]  # a terminal may know no UTF-8
    program(prog_name="taskdesk")


if __name__ == "__main__":
    main()
