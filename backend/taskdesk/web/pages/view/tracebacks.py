"""The traceback of a failed job as its author wants to read it: without the frames in which Taskdesk calls the task."""

from __future__ import annotations

import re

_FRAME = re.compile(r'  File "[^"]*[/\\]taskdesk[/\\]worker[/\\][^"]*", line \d+, in .*\n(?:    .*\n|  \[.*\n)*')


def without_our_frames(traceback: str) -> str:
    """Return the traceback without the frames of the worker; unchanged if nothing else would be left of its frames."""
    text = _FRAME.sub("", traceback)
    return text if '  File "' in text else traceback
