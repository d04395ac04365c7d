"""Read the error of a job from the traceback that RQ's own worker has stored as text."""

from __future__ import annotations

import re
from typing import Any

from taskdesk.jobs.losses import TIME_LIMIT, WORKER_LOST

_MAX_DETAIL = 10_000  # characters
_FRAME = re.compile(r'  File "([^"]+)", line (\d{1,9}), in (.{1,200})')
_INSTALLED = re.compile(r"/(site-packages|dist-packages|python3\.\d+)/|^<")
_RAISED = re.compile(r"([^\W\d][\w.]{0,199})(?:: (.*))?", re.DOTALL)


def error_of(traceback: str) -> dict[str, Any]:
    """Return the error that ends a traceback, as the field td_error has it. Without a traceback the worker was lost.

    The author's code is what is not installed. Of its file the last folder and the name are known.
    """
    lines = traceback.splitlines()
    frames = [(n, found) for n, line in enumerate(lines) if (found := _FRAME.fullmatch(line))]
    if not frames:
        return WORKER_LOST.error
    after = lines[frames[-1][0] + 1 :]
    first = next((n for n, line in enumerate(after) if line[:1] not in ("", " ")), len(after))
    raised = _RAISED.fullmatch("\n".join(after[first:]))
    name = raised[1].rpartition(".")[2] if raised else "Exception"
    detail = ((raised and raised[2]) or name)[:_MAX_DETAIL]
    if name == "JobTimeoutException":
        return {**TIME_LIMIT.error, "detail": detail}
    return {"type": name, "title": name, "detail": detail, **_place([frame for _, frame in frames])}


def _place(frames: list[re.Match[str]]) -> dict[str, Any]:
    own = [frame for frame in frames if not _INSTALLED.search(frame[1])]
    if not own:
        return {}
    file, line, function = own[-1].groups()
    return {"frame": f"{'/'.join(file.split('/')[-2:])}:{function}", "line": int(line)}
