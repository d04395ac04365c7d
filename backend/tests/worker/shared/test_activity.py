"""The memory in which the child says what it is doing: whole for its reader, wherever the child is killed."""

from __future__ import annotations

import sys

import pytest

from taskdesk.worker.shared.activity import MAX_JOB_ID_BYTES, Activity


class Killed(BaseException):
    """The process was killed here."""


def killed_after(instructions, step):
    """Run the step until so many instructions of it have run. Return True if that was before its end."""
    left = instructions

    def trace(frame, event, argument):
        nonlocal left
        frame.f_trace_opcodes = True
        if event == "opcode":
            left -= 1
            if left < 0:
                raise Killed
        return trace

    sys._getframe().f_trace_opcodes = True  # Python 3.12 counts instructions only if a frame has asked by now
    sys.settrace(trace)
    try:
        step()
    except Killed:
        return True
    finally:
        sys.settrace(None)
    return False


@pytest.fixture
def activity():
    return Activity(["default"])


def ids(*jobs):
    return [job and job.job_id for job in jobs]


def states_wherever_killed(step):
    """Return what the supervisor reads if the child is killed at each instruction of the step, after job a."""
    instructions, is_killed = 0, True
    while is_killed:
        activity = Activity(["default"])
        activity.begin("a", "e1", 60.0)
        activity.end_function()
        is_killed = killed_after(instructions, lambda activity=activity: step(activity))
        yield ids(activity.read(), activity.read_unconfirmed())
        instructions += 1


def test_a_child_that_is_killed_while_it_begins_a_job_is_at_that_job_or_the_one_before():
    def begin(activity):
        activity.begin("b", "e2", 60.0, prefetches=True, prev_unconfirmed=True)

    states = list(states_wherever_killed(begin))

    assert len(states) > 30
    assert states[0] == ["a", None]
    assert states[-1] == ["b", "a"]
    assert [state for state in states if state not in (["a", None], ["b", "a"])] == []


def test_a_child_that_is_killed_as_it_becomes_idle_is_idle_or_at_the_job_before():
    states = list(states_wherever_killed(Activity.clear))

    assert states[-1] == [None, None]
    assert [state for state in states if state not in (["a", None], [None, None])] == []


def test_a_reader_that_the_child_outruns_sees_a_whole_record(activity):
    """As long as the child is one job further at most: it fills the slot of another job meanwhile."""
    activity.begin("a", "e1", 60.0)
    activity.begin("b", "e2", 60.0, prev_unconfirmed=True)

    assert killed_after(40, lambda: activity.begin("c", "e3", 60.0, prev_unconfirmed=True))

    running, before = activity.read(), activity.read_unconfirmed()
    assert (running.job_id, running.execution) == ("b", "e2")
    assert (before.job_id, before.execution) == ("a", "e1")


def test_only_an_unconfirmed_job_is_named_beside_the_one_that_runs(activity):
    activity.begin("a", "e1", 60.0)
    activity.begin("b", "e2", 60.0)

    assert ids(activity.read(), activity.read_unconfirmed()) == ["b", None]


@pytest.mark.parametrize("job_id", ["a\0b", "ä" * 300, "a" * 2 * MAX_JOB_ID_BYTES], ids=["NUL", "UTF-8", "long"])
def test_ids_of_other_producers_are_read_as_far_as_there_is_room(activity, job_id):
    activity.begin(job_id, "e1", 60.0)

    assert activity.read().job_id == job_id[:MAX_JOB_ID_BYTES]
    assert activity.read().execution == "e1"


def test_a_job_is_at_work_until_its_function_has_ended(activity):
    activity.begin("a", "e1", 60.0)
    began = activity.read()
    activity.refuse()
    activity.end_function()
    ended = activity.read()

    assert (began.is_at_work, began.is_refused) == (True, False)
    assert (ended.is_at_work, ended.is_refused) == (False, True)
    activity.begin("b", "e2", 60.0)
    assert (activity.read().is_at_work, activity.read().is_refused) == (True, False)


def test_a_revoke_is_about_one_execution(activity):
    activity.revoke("e12")

    assert activity.is_revoked("e12")
    assert not activity.is_revoked("e1")
    assert not activity.is_revoked("e123")
