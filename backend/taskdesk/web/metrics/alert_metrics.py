"""Metrics of alerts: what fires, and how many messages were sent or failed. Labels are the rules and channels."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import suppress

from prometheus_client.metrics_core import CounterMetricFamily, GaugeMetricFamily, Metric
from redis.exceptions import RedisError

from taskdesk.jobs.alerts.alerts import Alerts
from taskdesk.jobs.alerts.scripts import MessageStatus


class AlertMetrics:
    """A Prometheus collector for the registry of one scrape. Without a channel, or without Redis, all is empty."""

    def __init__(self, alerts: Alerts):
        self._alerts = alerts

    def collect(self) -> Iterator[Metric]:
        firing = GaugeMetricFamily("taskdesk_alerts_firing", "Alerts that fire.", labels=("rule",))
        sent = CounterMetricFamily("taskdesk_alert_messages", "Messages of alerts.", labels=("channel", "outcome"))
        with suppress(RedisError):
            if channels := self._alerts.file.channels:
                self._add(firing, sent, channels)
        yield from (firing, sent)

    def _add(self, firing: GaugeMetricFamily, sent: CounterMetricFamily, channels: Iterable[str]) -> None:
        for state in self._alerts.overview().rules:
            firing.add_metric((state.named.name,), state.firing)
        counts = self._alerts.outbox.counts()
        for channel in channels:
            for outcome in (MessageStatus.SENT, MessageStatus.FAILED):
                sent.add_metric((channel, outcome), counts.get((channel, outcome), 0))
