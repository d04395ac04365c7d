"""Deliveries: messages on their way to a URL, such as the end of a job to its webhook. worker/deliverer/ sends them.

`send` puts a message on its way: it is sent within a second, again after each failure until it has arrived, and in
order with the others of the same `order`. A delivery is a hash; its steps are scripts (lua/delivery.lua), so nothing is
lost or sent by two at the same time when a deliverer dies. The receiver may get a message twice, with the same id.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import Any

from redis import Redis
from redis.client import Pipeline
from redis.exceptions import ResponseError

from taskdesk.jobs.damage import DAMAGE, is_wrong_type
from taskdesk.jobs.errors import DeliveryNotFound, ReceiverOff
from taskdesk.jobs.job_id import new_job_id
from taskdesk.jobs.keys import DELIVERIES, DELIVERY_COUNTS, ENDED, SWITCHED_OFF, delivery_key, ordered_key, receiver_key
from taskdesk.jobs.retries import Backoff
from taskdesk.jobs.scripts import Script
from taskdesk.service import clock
from taskdesk.service.errors import RedisFull
from taskdesk.service.outbound import fault_of_url, receiver_of, shown_url

BACKOFF = Backoff(first=5, factor=3, most=5 * 3600)  # 5 s, 15 s, 45 s … 1 h, 3 h, 5 h, 5 h
MAX_TRIES = 11  # within 15 h; while its receiver is held, a delivery is not tried
GIVE_UP_SECONDS = 24 * 3600  # without success, after which a delivery has failed
MAX_ATTEMPTS = 20  # that are kept
MAX_BODY_BYTES = 20_000
DELIVERY_TTL_SECONDS = 7 * 24 * 3600  # that a delivery is kept after its end
_JSON = {"Content-Type": "application/json"}


class DeliveryStatus(StrEnum):
    """WAITING: for its first attempt, or for the next one. FAILED: for good, unless it is sent again by hand."""

    WAITING = "waiting"
    DELIVERED = "delivered"
    FAILED = "failed"


@dataclass(frozen=True)
class Message:
    """A message to send: a POST of `body` (MAX_BODY_BYTES at most) to `url`.

    `order`: messages of the same order arrive one after the other; the end of a job has the id of the job. `type`: as
    in Standard Webhooks, such as "job.failed". Only a signed message needs the setting WEBHOOK_SECRETS. The receiver
    sees the `id` as `webhook-id`, and a second `send` of the same id within a week does nothing.
    """

    url: str
    body: bytes
    order: str
    type: str
    headers: Mapping[str, str] = field(default_factory=lambda: _JSON)
    is_signed: bool = True
    id: str = field(default_factory=new_job_id)


@dataclass(frozen=True)
class DeliveryAttempt:
    """`status`: of the answer; None if there was none. `error`: empty after a success."""

    at: datetime
    status: int | None
    seconds: float
    error: str


@dataclass(frozen=True)
class Delivery:
    """A delivery at one moment. `due_at`: of its next attempt. `url` is without its query, which may have a secret.

    `is_off`: its URL is switched off. `hold`: why its receiver gets nothing now, or empty.
    """

    id: str
    order: str
    type: str
    url: str
    status: DeliveryStatus
    created_at: datetime
    due_at: datetime | None
    attempts: tuple[DeliveryAttempt, ...]
    is_off: bool
    hold: str


CONSTANTS = {
    **{f"{status.name}_DELIVERY": status.value for status in DeliveryStatus},
    "DELIVERY_TTL_SECONDS": DELIVERY_TTL_SECONDS,
    "GIVE_UP_SECONDS": GIVE_UP_SECONDS,
    "MAX_ATTEMPTS": MAX_ATTEMPTS,
}


def _script(name: str) -> Script:
    return Script(Path(__file__).parent / "lua" / f"{name}.lua", CONSTANTS)


DELIVER, REDELIVER = _script("deliver"), _script("redeliver")
CLAIM, SETTLE_DELIVERY = _script("claim"), _script("settle_delivery")
FAIL_DAMAGED_DELIVERY, RELEASE_STUCK = _script("fail_damaged_delivery"), _script("release_stuck")


def attempt_json(error: str, status: int | None = None, seconds: float = 0.0) -> str:
    """Return an attempt of now, as the scripts store it."""
    return json.dumps({"at": round(clock.now(), 3), "status": status, "seconds": round(seconds, 3), "error": error})


OFF = "The address is switched off, because its receiver answered 410 (Gone)."


def send(redis: Redis, message: Message, ended: bytes | str = "") -> bool:
    """Put a message on its way. Return False if it was already. Raises ValueError for a wrong URL or body, RedisFull.

    `ended`: the entry of ENDED that becomes this message, and is removed in the same step.
    """
    if fault := fault_of_url(message.url):
        raise ValueError(fault)
    if len(message.body) > MAX_BODY_BYTES:
        raise ValueError(f"A message of {len(message.body):,} bytes can't be sent. It may have {MAX_BODY_BYTES:,}.")
    answer = DELIVER(
        redis,
        *(message.id, message.order, message.url, receiver_of(message.url), message.body, message.type),
        *(json.dumps(dict(message.headers)), int(message.is_signed), attempt_json(OFF), ended),
    )
    if answer < 0:
        raise RedisFull()
    return bool(answer)


def ask_for_figures(pipeline: Pipeline) -> None:
    pipeline.hgetall(DELIVERY_COUNTS)
    pipeline.zcard(DELIVERIES)
    pipeline.llen(ENDED)
    pipeline.zrange(DELIVERIES, 0, 0, withscores=True)


def figures_of(
    counts: Mapping[bytes, bytes], waiting: int, ended: int, oldest: Sequence[tuple[bytes, float]]
) -> dict[str, float]:
    figures = {status.value: int(counts.get(status.encode(), 0)) for status in DeliveryStatus}
    age = max(0.0, clock.now() - oldest[0][1]) if oldest else 0.0
    return {**figures, DeliveryStatus.WAITING.value: waiting + ended, "oldest_seconds": age}


class Deliveries:
    """The deliveries in Redis, for web and command line."""

    def __init__(self, redis: Redis):
        self._redis = redis

    def of(self, order: str) -> list[Delivery]:
        """Return the last deliveries of this order, such as the id of a job, the newest first."""
        ids = [delivery_id.decode() for delivery_id in self._redis.lrange(ordered_key(order), 0, -1)]
        found = [self._read(delivery_id) for delivery_id in reversed(ids)]
        return [delivery for delivery in found if delivery]

    def redeliver(self, order: str, delivery_id: str) -> Delivery:
        """Send a delivery again, or, if it waits, now; return it. Raises DeliveryNotFound, ReceiverOff.

        One that was delivered stays as it is, and its job gets another one.
        """
        if delivery_id.encode() not in self._redis.lrange(ordered_key(order), 0, -1):
            raise DeliveryNotFound(delivery_id)
        answer = REDELIVER(self._redis, delivery_id)
        delivery = self._read(delivery_id)
        if not answer or not delivery:
            raise DeliveryNotFound(delivery_id)
        if answer == b"off":
            raise ReceiverOff(delivery.url)
        return delivery

    def switched_off(self) -> dict[str, datetime]:
        """Return the URLs that are switched off, because their receiver answered 410, and since when."""
        entries = self._redis.zrevrange(SWITCHED_OFF, 0, -1, withscores=True)
        return {url.decode(): datetime.fromtimestamp(since, UTC) for url, since in entries}

    def switch_on(self, url: str) -> bool:
        """Let messages go to a URL again. `url` may be as it is shown. Return False if it was not switched off."""
        urls = [off for off in self.switched_off() if url in (off, shown_url(off))]
        return bool(urls and self._redis.zrem(SWITCHED_OFF, *urls))

    def figures(self) -> dict[str, float]:
        """Return how many were delivered, failed and wait, and for how many seconds the oldest has waited."""
        with self._redis.pipeline(transaction=False) as pipeline:
            ask_for_figures(pipeline)
            return figures_of(*pipeline.execute())

    def _read(self, delivery_id: str) -> Delivery | None:
        """Return a delivery; None if it is gone, or damaged."""
        try:
            fields = self._redis.hgetall(delivery_key(delivery_id))
            stored = {name.decode(): value.decode() for name, value in fields.items()}
            return _delivery(delivery_id, stored, *self._state(stored)) if stored else None
        except DAMAGE:
            return None
        except ResponseError as error:
            is_wrong_type(error)  # it raises any other error
            return None

    def _state(self, stored: Mapping[str, str]) -> tuple[bool, str]:
        is_off = self._redis.zscore(SWITCHED_OFF, stored["url"]) is not None
        held_until, error = self._redis.hmget(receiver_key(stored["receiver"]), "held_until", "error")
        is_held = held_until is not None and float(held_until) > clock.now()
        return is_off, (error or b"").decode(errors="replace") if is_held else ""


def _delivery(delivery_id: str, stored: Mapping[str, str], is_off: bool, hold: str) -> Delivery:
    attempts: Sequence[Mapping[str, Any]] = json.loads(stored.get("attempts", "[]"))
    return Delivery(
        id=delivery_id,
        order=stored["order"],
        type=stored["type"],
        url=shown_url(stored["url"]),
        status=DeliveryStatus(stored["status"]),
        created_at=_moment(stored["made"]),
        due_at=_moment(stored["due"]) if "due" in stored else None,
        attempts=tuple(
            DeliveryAttempt(_moment(one["at"]), one.get("status"), float(one["seconds"]), str(one["error"]))
            for one in attempts
        ),
        is_off=is_off,
        hold=hold,
    )


def _moment(seconds: str | float) -> datetime:
    return datetime.fromtimestamp(float(seconds), UTC)
