"""Run a command, and let a second one for the same folder wait until it has ended: one_at_a_time.py FOLDER COMMAND…"""

import fcntl
import subprocess
import sys

with open(f"{sys.argv[1]}.lock", "w") as lock:  # the system frees it when this process ends, however that happens
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        print(f"Another make installs into {sys.argv[1]}: waiting until it is ready …", flush=True)
        fcntl.flock(lock, fcntl.LOCK_EX)
    sys.exit(subprocess.run(sys.argv[2:]).returncode)
