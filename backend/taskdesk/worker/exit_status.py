"""The exit statuses by which a child tells its supervisor why it ends. Any other one is that of a child that died."""

from __future__ import annotations

EXIT_FINISHED = 0  # nothing is left to do
EXIT_RECYCLE = 75  # fork another child
