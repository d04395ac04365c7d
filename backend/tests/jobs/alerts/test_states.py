"""What one moment changes: notified once, recovered once, nothing while it is silenced, and nothing lost by that."""

from __future__ import annotations

from taskdesk.jobs.alerts.signals import Signal
from taskdesk.jobs.alerts.states import MAX_SUBJECTS, State, follow

WINDOW = 60


def signal(subject="a", last=0.0, **more):
    return Signal(subject, f"about {subject}", "/alerts", last, **more)


class Desk:
    """Follows one rule through time."""

    def __init__(self):
        self.states = {}

    def at(self, now, *signals, is_silenced=False):
        """Return the subjects that are notified, and those that have recovered."""
        change = follow(self.states, signals, now, WINDOW, is_silenced=is_silenced)
        self.states = change.states
        return [one.subject for one in change.fired], [one.title for one in change.recovered]


def test_what_goes_on_is_notified_once_and_recovers_once():
    desk = Desk()

    assert desk.at(0, signal(last=0)) == (["a"], [])
    assert [desk.at(now, signal(last=now)) for now in range(5, 500, 5)] == [([], [])] * 99
    assert desk.at(550) == ([], [])
    assert desk.at(555) == ([], ["about a"])
    assert desk.at(560) == ([], [])
    assert desk.states == {}


def test_what_comes_and_goes_within_the_window_is_one_alert():
    desk = Desk()
    found = [desk.at(now, *([signal(last=now)] if now % 10 else [])) for now in range(5, 300, 5)]

    assert found[0] == (["a"], [])
    assert found[1:] == [([], [])] * 58


def test_what_has_to_hold_for_a_while_is_notified_after_that():
    desk = Desk()

    assert desk.at(0, signal(last=0, after=30)) == ([], [])
    assert desk.at(29, signal(last=29, after=30)) == ([], [])
    assert desk.at(30, signal(last=30, after=30)) == (["a"], [])


def test_what_was_never_notified_never_recovers():
    desk = Desk()
    desk.at(0, signal(last=0, after=30))

    assert desk.at(5) == ([], [])
    assert desk.states == {}


def test_a_silence_holds_back_the_message_and_its_recovery_until_it_is_over():
    desk = Desk()

    assert desk.at(0, signal(last=0), is_silenced=True) == ([], [])
    assert desk.at(10, signal(last=10)) == (["a"], [])
    assert desk.at(100, is_silenced=True) == ([], [])
    assert desk.at(110) == ([], ["about a"])


def test_what_came_and_went_during_a_silence_is_not_notified():
    desk = Desk()
    desk.at(0, signal(last=0), is_silenced=True)

    assert desk.at(100, is_silenced=True) == ([], [])
    assert desk.at(110) == ([], [])
    assert desk.states == {}


def test_a_resolved_cause_recovers_at_once_and_a_muted_one_without_a_word():
    desk = Desk()
    desk.at(0, signal("a"), signal("b"))

    assert desk.at(5, signal("a", over="resolved"), signal("b", over="muted")) == ([], ["about a"])
    assert desk.states == {}
    assert desk.at(10, signal("c", last=10, over="muted")) == ([], [])


def test_a_rule_follows_so_many_subjects_and_says_how_many_more_there_are():
    signals = [signal(str(number)) for number in range(MAX_SUBJECTS + 7)]

    change = follow({}, signals, 0, WINDOW, is_silenced=False)

    assert (len(change.states), len(change.fired), change.more) == (MAX_SUBJECTS, MAX_SUBJECTS, 7)


def test_a_state_of_before_the_first_release_is_read():
    before = b'{"since": 1, "last": 2, "title": "t", "path": "/", "fired": 1.5, "is_told": true}'

    state = State.load(before)

    assert (state.is_notified, state.fired) == (True, 1.5)
    assert State.load(state.dump().encode()) == state
