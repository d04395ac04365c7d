"""The template gives children to its supervisor."""

from __future__ import annotations

import os

from tests.conftest import preloaded


def test_a_child_that_was_ordered_is_waited_for_by_a_worker_that_is_told_to_stop(registry):
    """Else it would take a job, and be killed when nobody looks for that job any more."""
    template = preloaded(registry)
    template.begin(lambda registry: 7)
    wakeup, _ = pipe = os.pipe()

    def wait() -> bool:
        template.sleep(wakeup)
        return not template.has_imported  # then it is told to stop

    template.import_tasks(wait)
    child = template.fork_child(wait)

    assert child
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 7
    template.close()
    for end in pipe:
        os.close(end)
