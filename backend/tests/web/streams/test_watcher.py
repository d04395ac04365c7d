"""A watcher with its connection: what it sends, and when it ends."""

from __future__ import annotations

import socket

from tests.conftest import wait_until
from tests.web.streams.one_job import HEARTBEAT, JOB, end, follow, receive_until, report


def test_a_quiet_stream_sends_heartbeats(streams):
    watcher = streams(heartbeat=0.05).open(JOB, "0-0", "me")
    next(watcher)

    assert next(watcher) == HEARTBEAT


def test_a_connection_gets_the_events_and_is_closed_at_the_end(running, streams):
    opened = streams(heartbeat=0.05)
    report(running, 1)
    with follow(opened.open(JOB, "0-0", "me")) as client:
        receive_until(client, HEARTBEAT)

        report(running, 2)
        receive_until(client, b'"current": 2')
        end(running)
        receive_until(client, b"event: end")

        assert client.recv(1) == b""
    assert len(opened) == 0


def test_a_stream_ends_with_a_message_when_its_user_is_no_longer_allowed(running, streams):
    opened, allowed = streams(heartbeat=0.05), [True]
    with (
        follow(opened.open(JOB, "0-0", "me", lambda: bool(allowed))) as client,
        follow(opened.open(JOB, "0-0", "you", lambda: True)) as other,
    ):
        receive_until(client, HEARTBEAT)

        allowed.clear()
        receive_until(client, b'"refused"')
        report(running, 1)

        assert b"progress" not in b"".join(iter(lambda: client.recv(65536), b""))
        receive_until(other, b'"current": 1')
    assert len(opened) == 1


def test_the_watcher_of_a_job_that_is_never_silent_is_checked_too(running, streams):
    opened, allowed = streams(heartbeat=0.2), [True]
    with follow(opened.open(JOB, "0-0", "me", lambda: bool(allowed))) as client:
        allowed.clear()
        number = iter(range(10_000))

        def ended() -> bool:
            report(running, next(number))
            return b"event: end" in client.recv(65536)

        wait_until(ended)


def test_heartbeats_find_out_which_clients_have_gone(streams):
    opened = streams(heartbeat=0.05)
    follow(opened.open(JOB, "0-0", "me")).close()
    with follow(opened.open(JOB, "0-0", "me")) as half_closed:
        half_closed.shutdown(socket.SHUT_WR)

        wait_until(lambda: len(opened) == 0)

    assert opened._feeds == {}
