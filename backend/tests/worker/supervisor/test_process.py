"""The supervisor's hold on its child's process."""

from __future__ import annotations

import os

from taskdesk.worker.supervisor.process import ChildProcess
from tests.conftest import wait_until


def test_what_a_dead_child_has_left_is_killed_while_nobody_else_can_have_its_id(monkeypatch):
    ours = []
    monkeypatch.setattr(os, "killpg", lambda pid, signum: ours.append(os.getpgid(pid)))  # not of one that is reaped
    child = ChildProcess()
    child.pid = os.fork()
    if not child.pid:
        os._exit(3)

    status = wait_until(child.poll, what="it has ended")

    assert (status, len(ours), child.pid) == (3, 1, 0)
