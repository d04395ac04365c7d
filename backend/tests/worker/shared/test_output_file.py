"""What C code and other programs print goes to a file that the worker reads now and then."""

from __future__ import annotations

import os

from taskdesk.jobs.joblog import MAX_LOG_BYTES
from taskdesk.worker.shared.output_buffer import MAX_FILE_DISK_BYTES, OutputBuffer


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


def test_a_file_that_nobody_reads_keeps_its_end_and_takes_a_bounded_part_of_the_disk():
    output = OutputBuffer()
    file = output.fileno()

    for _ in range(MAX_FILE_DISK_BYTES // (1 << 20) + 1):
        output.bound_file()
        os.write(file, b"x" * (1 << 20))
    assert os.fstat(file).st_blocks * 512 > MAX_FILE_DISK_BYTES
    output.bound_file()
    os.write(file, b"end\n")

    assert os.fstat(file).st_blocks * 512 < 1 << 20
    assert b"".join(output.take_file()) == b"end\n"
