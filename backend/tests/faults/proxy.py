"""A TCP proxy on 127.0.0.1, the network between a worker and Redis: it cuts, delays, swallows and refuses.

While its target is away, it accepts a connection and closes it, as most proxies do.
A seeded random generator chooses which answers are lost.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from random import Random
from typing import Any

from hiredis import Reader


@dataclass(eq=False)
class _Link:
    """A connection of a client, and ours to the target. A broken link has lost bytes, and never answers again."""

    client: asyncio.StreamWriter
    target: asyncio.StreamWriter
    broken: bool = False

    def cut(self) -> None:
        self.client.transport.abort()
        self.target.transport.abort()


class Proxy:
    def __init__(self, target_port: int, seed: int = 1):
        self.delay = 0.0  # seconds, for every packet in both directions
        self.loss = 0.0  # the share of answers that are swallowed; the connection is closed then
        self._chance = Random(seed)
        self.port = 0
        self._target_port = target_port
        self.connections: set[asyncio.Task[None]] = set()  # open, or being opened
        self._hole = False
        self._answer = ""
        self._ready = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._serve()), name="proxy")

    def start(self) -> None:
        self._thread.start()
        assert self._ready.wait(10)

    def stop(self) -> None:
        self._do(self._stopped.set)
        self._thread.join(10)
        assert not self._thread.is_alive(), "the proxy does not end, and its thread would keep the process alive"

    def cut(self) -> None:
        """Close every connection. New ones are let through."""
        self._do(self._cut)

    def black_hole(self) -> None:
        """Accept connections, and swallow whatever is sent, from now on."""
        self._do(self._set_hole, True)

    def open(self) -> None:
        """Let new connections through. One that lost bytes stays dead, and neither end is told."""
        self._do(self._set_hole, False)

    def refuse(self, answer: str) -> None:
        """Close every connection, and answer each command on new ones with this error, as a Redis that is not ready."""
        self._do(self._set_answer, answer)

    def stop_refusing(self) -> None:
        """Let connections through again, as a Redis that is ready."""
        self._do(self._set_answer, "")

    def _do(self, step: Callable[..., None], *arguments: Any) -> None:
        """Take the step in the proxy's thread, and return once it is done."""
        done = threading.Event()

        def run() -> None:
            step(*arguments)
            done.set()

        self._loop.call_soon_threadsafe(run)
        assert done.wait(10), "the proxy does not answer"

    async def _serve(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._stopped, self._passable = asyncio.Event(), asyncio.Event()
        self._passable.set()
        server = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        self.port = server.sockets[0].getsockname()[1]
        self._ready.set()
        await self._stopped.wait()
        server.close()
        await asyncio.sleep(0)  # until those that were accepted have begun
        self._cut()
        await asyncio.gather(*self.connections)

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task
        self.connections.add(task)
        with suppress(OSError, asyncio.CancelledError):  # cut
            await (self._refuse if self._answer else self._forward)(reader, writer)
        writer.transport.abort()
        self.connections.discard(task)

    async def _forward(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        target_reader, target_writer = await asyncio.open_connection("127.0.0.1", self._target_port)
        link = _Link(writer, target_writer)
        try:
            questions = self._pump(link, reader, target_writer)
            await asyncio.gather(questions, self._pump(link, target_reader, writer, are_answers=True))
        finally:
            link.cut()

    async def _refuse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        commands = Reader()
        while (data := await reader.read(65536)) and self._answer:
            commands.feed(data)
            while commands.gets() is not False:
                writer.write(f"-{self._answer}\r\n".encode())

    async def _pump(
        self, link: _Link, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, are_answers: bool = False
    ) -> None:
        try:
            while data := await reader.read(65536):
                if are_answers and self._chance.random() < self.loss:
                    link.cut()
                    break
                if self.delay:
                    await asyncio.sleep(self.delay)
                link.broken |= self._hole
                if link.broken:
                    continue
                writer.write(data)
                await writer.drain()
            await self._passable.wait()  # in the black hole, nothing is heard of the end of a connection, either
        except OSError:
            pass
        finally:
            writer.close()

    def _cut(self) -> None:
        """Also cut those that are still being opened."""
        for connection in self.connections:
            connection.cancel()

    def _set_hole(self, hole: bool) -> None:
        self._hole = hole
        if hole:
            self._passable.clear()
        else:
            self._passable.set()

    def _set_answer(self, answer: str) -> None:
        self._answer = answer
        if answer:
            self._cut()
