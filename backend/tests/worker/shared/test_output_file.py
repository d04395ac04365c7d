"""What C code and other programs print goes to a file that the worker reads now and then."""

from __future__ import annotations

import os

from taskdesk.jobs.joblog import MAX_LOG_BYTES
from taskdesk.worker.shared.output_buffer import OutputBuffer


def test_what_is_written_while_much_is_read_is_kept_and_what_was_read_takes_no_disk():
    output = OutputBuffer()
    file = output.fileno()
    os.write(file, b"x" * 4 * MAX_LOG_BYTES)

    pieces = []
    for content in output.take_file():
        pieces.append(content)
        if len(pieces) == 1:
            os.write(file, b"said meanwhile\n")

    assert b"".join([*pieces, *output.take_file()]) == b"x" * 4 * MAX_LOG_BYTES + b"said meanwhile\n"
    assert os.fstat(file).st_blocks * 512 < MAX_LOG_BYTES
