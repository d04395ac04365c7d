"""Send the messages that are due, each in a thread of its own: a channel that hangs holds up nothing else."""

from __future__ import annotations

import logging
import threading
import traceback

from redis import Redis
from redis.exceptions import RedisError

from taskdesk.jobs.alerts.file import AlertsFile
from taskdesk.jobs.alerts.outbox import BACKOFF, GIVE_UP_SECONDS, Claimed, Outbox
from taskdesk.jobs.alerts.scripts import MessageStatus
from taskdesk.jobs.alerts.sending import NotDelivered, send
from taskdesk.service import clock

log = logging.getLogger("alerts")


class Courier:
    def __init__(self, redis: Redis, file: AlertsFile):
        self._outbox = Outbox(redis)
        self._file = file

    def send_due(self) -> list[threading.Thread]:
        """Begin to send what is due. Raises RedisError."""
        threads = [threading.Thread(target=self._send, args=(one,), daemon=True) for one in self._outbox.claim()]
        for thread in threads:
            thread.start()
        return threads

    def _send(self, one: Claimed) -> None:
        """Send a message, and store the outcome. If Redis does not take that, the message is sent again later."""
        status, answer = self._attempt(one)
        delay = BACKOFF.intervals(one.tries + 1)[-1] if status is MessageStatus.WAITING else 0
        if status is not MessageStatus.SENT:
            again = "" if status is MessageStatus.FAILED else f" It is tried again in {delay:.0f} s."
            log.warning("channel %s did not take message %s: %s%s", one.channel, one.id, answer, again)
        try:
            self._outbox.settle(one, status, answer, delay)
        except RedisError as error:
            log.warning("Redis does not know how message %s fared: %s", one.id, error)

    def _attempt(self, one: Claimed) -> tuple[MessageStatus, str]:
        is_late = clock.now() - one.since > GIVE_UP_SECONDS
        failed = MessageStatus.FAILED if is_late else MessageStatus.WAITING
        if one.message is None:
            return MessageStatus.FAILED, "The message in Redis is damaged."
        channel = self._file.channels.get(one.channel)
        if channel is None:
            return failed, f"ALERTS_FILE has no usable channel {one.channel}."
        try:
            return MessageStatus.SENT, send(channel, one.message, self._file.address)
        except NotDelivered as error:
            return MessageStatus.FAILED if error.is_final else failed, f"{str(error).rstrip('.')}."
        except Exception as error:  # its text may have an address or a password of the file
            where = "".join(traceback.format_tb(error.__traceback__))
            log.error("message %s can't be sent: %s\n%s", one.id, type(error).__name__, where)
            return MessageStatus.FAILED, "The message can't be sent. The log says why."
