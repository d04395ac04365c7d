"""Progress and output are live, whatever went wrong before."""

from __future__ import annotations

import threading

import pytest

from taskdesk.jobs.joblog import read_log
from taskdesk.worker.child.progress_reporter import Reporter
from taskdesk.worker.shared.output_buffer import STDOUT, OutputBuffer
from tests.conftest import wait_until


class _Short(OutputBuffer):
    """Has no memory for the first call of `send`."""

    is_short = True

    def send(self, *arguments, **began):
        if self.is_short:
            self.is_short = False
            raise MemoryError
        super().send(*arguments, **began)


@pytest.fixture
def sees(redis):
    return lambda text: wait_until(lambda: read_log(redis, "one").text == text, what="it is in the log")


def test_an_error_while_it_is_sent_ends_no_live_output(redis, sees):
    reporter = Reporter(redis, _Short())
    reporter.begin("one", ttl=60)

    reporter.log(b"said", STDOUT)

    sees("said")


def test_a_thread_that_can_not_start_ends_no_live_output(redis, sees, monkeypatch):
    def refuse(thread):
        raise RuntimeError("can't start new thread")

    reporter = Reporter(redis, OutputBuffer())
    reporter.begin("one", ttl=60)
    with monkeypatch.context() as limited:
        limited.setattr(threading.Thread, "start", refuse)
        reporter.log(b"said, ", STDOUT)

    reporter.log(b"and again", STDOUT)

    sees("said, and again")
