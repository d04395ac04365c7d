"""An answer without an end, such as an event stream: the server hands its connection over."""

from __future__ import annotations

import socket
from abc import ABC, abstractmethod


class Stream(ABC):
    """The result of a WSGI application that takes the connection over, once the server has sent the head."""

    __slots__ = ()

    @abstractmethod
    def follow(self, connection: socket.socket) -> None:
        """Send to this socket from now on, and close it at the end."""

    @abstractmethod
    def close(self) -> None:
        """Send nothing more, and close the socket."""
