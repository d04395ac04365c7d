"""One attempt at a delivery: sign the message, send it, and judge the answer."""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, NamedTuple

from standardwebhooks import Webhook

from taskdesk.jobs.deliveries import BACKOFF, GIVE_UP_SECONDS, MAX_TRIES, DeliveryStatus, attempt_json
from taskdesk.service import clock
from taskdesk.service.networks import Network
from taskdesk.service.outbound import Answer, NotSent, Resolve, ask_dns, post, receiver_of
from taskdesk.version import VERSION

ERRORS_ALLOWED = 5  # answers with an error in a row; after a failure without an answer, a receiver is held at once
GONE = 410  # as Standard Webhooks has it: send no more to this URL
LATE = "Its receiver took nothing for a day, so this delivery was not tried any more."
log = logging.getLogger("webhooks")

_NO_SECRET = "WEBHOOK_SECRETS is not set, so the message can't be signed. Set it where the workers run."


class Claimed(NamedTuple):
    """A delivery that this process sends now, as claim.lua answers. `since`: its first attempt may have been then."""

    id: str
    url: str
    body: bytes
    headers: Mapping[str, str]
    is_signed: bool
    tries: int
    since: float

    @classmethod
    def of(cls, row: Sequence[bytes]) -> Claimed:
        delivery_id, url, body, headers, is_signed, tries, since = row
        given = json.loads(headers), is_signed == b"1", int(tries), float(since)
        return cls(delivery_id.decode(), url.decode(), body, *given)


@dataclass(frozen=True)
class Outcome:
    """How an attempt went. `failure`: of the receiver; `failures_allowed` before it is held.

    `failure` has no text of the answer: all jobs with this receiver show it, and the text may be about one address.
    """

    delivery: Claimed
    status: DeliveryStatus
    error: str
    answer: Answer | None
    seconds: float
    failure: str
    failures_allowed: int

    @property
    def off_url(self) -> str:
        return self.delivery.url if self.answer and self.answer.status == GONE else ""

    def arguments(self) -> list[Any]:
        """Return ARGV of settle_delivery.lua."""
        attempt = attempt_json(self.error, self.answer.status if self.answer else None, self.seconds)
        delay = BACKOFF.intervals(MAX_TRIES)[min(self.delivery.tries, MAX_TRIES - 1)]
        receiver = receiver_of(self.delivery.url)
        arguments = [self.delivery.id, receiver, self.status, attempt, delay, round(self.seconds, 3)]
        return [*arguments, self.failure, self.failures_allowed, self.off_url, attempt_json(LATE)]


@dataclass(frozen=True)
class Sender:
    secrets: Sequence[str] = field(repr=False)
    networks: Sequence[Network]
    resolve: Resolve = ask_dns

    def attempt(self, delivery: Claimed) -> Outcome:
        """Send the delivery, in TIMEOUT_SECONDS at most. Never raises."""
        began, answer, failure, allowed = time.monotonic(), None, "", 0
        if delivery.is_signed and not self.secrets:
            error = _NO_SECRET
        else:
            try:
                headers = {**delivery.headers, **self._signed_headers(delivery)}
                answer = post(delivery.url, delivery.body, headers, allowed=self.networks, resolve=self.resolve)
                error, failure = _fault(answer, answer.excerpt), _fault(answer, "")
                allowed = ERRORS_ALLOWED
            except NotSent as not_sent:
                error = failure = str(not_sent)
            except Exception as unexpected:  # a thread that ends without an outcome would be missed for ever
                log.exception("delivery %s can't be sent", delivery.id)
                error = f"The message can't be sent ({type(unexpected).__name__}): see the log of the worker."
        status = _status(delivery, error, answer)
        return Outcome(delivery, status, error, answer, time.monotonic() - began, failure, allowed)

    def _signed_headers(self, delivery: Claimed) -> dict[str, str]:
        """Return the headers of Standard Webhooks, with a signature by each secret."""
        now = datetime.now(UTC)
        headers = {"User-Agent": f"Taskdesk/{VERSION}", "webhook-id": delivery.id}
        if delivery.is_signed:
            text = delivery.body.decode()
            signatures = [Webhook(secret).sign(delivery.id, now, text) for secret in self.secrets]
            headers |= {"webhook-timestamp": str(int(now.timestamp())), "webhook-signature": " ".join(signatures)}
        return headers


def _fault(answer: Answer, excerpt: str) -> str:
    """Return what is wrong with the answer; empty for a 2xx."""
    if 200 <= answer.status < 300:
        return ""
    if answer.status == GONE:
        return "The receiver answered 410 (Gone): the address is switched off."
    if 300 <= answer.status < 400:
        return f"The receiver answered {answer.status}, a redirect. Redirects are not followed."
    return f"The receiver answered {answer.status}" + (f": {excerpt}" if excerpt else ".")


def _status(delivery: Claimed, error: str, answer: Answer | None) -> DeliveryStatus:
    if not error:
        return DeliveryStatus.DELIVERED
    is_last = delivery.tries + 1 >= MAX_TRIES or clock.now() - delivery.since > GIVE_UP_SECONDS
    is_gone = answer is not None and answer.status == GONE
    return DeliveryStatus.FAILED if is_last or is_gone else DeliveryStatus.WAITING
