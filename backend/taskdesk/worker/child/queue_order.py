"""The order in which a worker looks at its queues: the most urgent first, but no queue waits for ever."""

from __future__ import annotations

from collections.abc import Sequence

OTHER_ORDER_EVERY = 10  # reservations, of which one begins at a less urgent queue


class QueueOrder:
    def __init__(self, keys: Sequence[str]):
        """`keys`: the queues, the most urgent first."""
        self.keys = tuple(keys)
        self._others = [self.keys[first:] + self.keys[:first] for first in range(1, len(keys))] or [self.keys]

    def at(self, reservation: int) -> tuple[str, ...]:
        """Return the order for the reservation of this number."""
        turn, rest = divmod(reservation, OTHER_ORDER_EVERY)
        return self.keys if rest else self._others[turn % len(self._others)]
