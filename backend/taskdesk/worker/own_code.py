"""The place in the author's own code where an error came from: failures with the same place have the same cause.

The line is no part of the place: an edit above it would make a new cause of the same failure.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from traceback import walk_tb
from types import FrameType

_MAX_FRAME = 300  # characters; a name may have any length
_PYTHON = os.path.dirname(os.__file__) + os.sep
_INSTALLED = tuple(f"{os.sep}{folder}{os.sep}" for folder in ("site-packages", "dist-packages"))


def innermost(error: BaseException, packages: Sequence[str]) -> tuple[str, int]:
    """Return the innermost frame of the author's code as "file:function", and its line; ("", 0) if there is none.

    The author's code is that of the packages of the tasks (by the first part of their names), and all that is neither
    Taskdesk's, nor Python's, nor installed.
    """
    tops = {package.partition(".")[0] for package in packages}
    own = [(frame, line) for frame, line in walk_tb(error.__traceback__) if _is_own(frame, tops)]
    if not own:
        return "", 0
    frame, line = own[-1]
    return f"{_file_of(frame)}:{frame.f_code.co_qualname}"[:_MAX_FRAME], line


def _is_own(frame: FrameType, tops: set[str]) -> bool:
    name, file = _module_of(frame), frame.f_code.co_filename
    if name.partition(".")[0] in tops:
        return True
    is_ours = name.partition(".")[0] == "taskdesk"
    return not (is_ours or file.startswith((_PYTHON, "<")) or any(folder in file for folder in _INSTALLED))


def _file_of(frame: FrameType) -> str:
    """Return the path of a file from the folder that its module was imported from."""
    path = Path(frame.f_code.co_filename)
    parts = len(_module_of(frame).split(".")) + (path.name == "__init__.py")
    return "/".join(path.parts[-parts:])


def _module_of(frame: FrameType) -> str:
    name = frame.f_globals.get("__name__")
    return name if isinstance(name, str) else ""
