"""A TCP proxy on 127.0.0.1 that cuts, delays and swallows: the network between a worker and Redis."""

from __future__ import annotations

import asyncio
import threading
from dataclasses import dataclass


@dataclass(eq=False)
class _Link:
    """One connection of a client, and ours to the target. A broken link has lost bytes: it never answers again."""

    client: asyncio.StreamWriter
    target: asyncio.StreamWriter
    broken: bool = False


class Proxy:
    def __init__(self, target_port: int):
        self.delay = 0.0  # seconds, for every packet in both directions
        self.port = 0
        self._target_port = target_port
        self._links: set[_Link] = set()
        self._hole = False
        self._ready = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._serve()), name="proxy")

    def start(self) -> None:
        self._thread.start()
        assert self._ready.wait(10)

    def stop(self) -> None:
        self._loop.call_soon_threadsafe(self._stopped.set)
        self._thread.join(10)

    def cut(self) -> None:
        """Close every connection; new ones are let through."""
        self._loop.call_soon_threadsafe(self._cut)

    def black_hole(self) -> None:
        """From now on nothing arrives: connections are accepted, and what is sent is swallowed."""
        self._loop.call_soon_threadsafe(self._set_hole, True)

    def open(self) -> None:
        """Let new connections through; a connection that lost bytes stays dead, and nobody tells its ends."""
        self._loop.call_soon_threadsafe(self._set_hole, False)

    async def _serve(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._stopped, self._passable = asyncio.Event(), asyncio.Event()
        self._passable.set()
        server = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        self.port = server.sockets[0].getsockname()[1]
        self._ready.set()
        await self._stopped.wait()
        server.close()
        self._set_hole(False)
        self._cut()
        await server.wait_closed()
        await asyncio.gather(*asyncio.all_tasks() - {asyncio.current_task()}, return_exceptions=True)

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            target_reader, target_writer = await asyncio.open_connection("127.0.0.1", self._target_port)
        except OSError:
            writer.transport.abort()
            return
        link = _Link(writer, target_writer)
        self._links.add(link)
        await asyncio.gather(self._pump(link, reader, target_writer), self._pump(link, target_reader, writer))
        self._links.discard(link)

    async def _pump(self, link: _Link, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while data := await reader.read(65536):
                if self.delay:
                    await asyncio.sleep(self.delay)
                link.broken |= self._hole
                if link.broken:
                    continue
                writer.write(data)
                await writer.drain()
            await self._passable.wait()  # in the hole, the end of a connection is not heard of, either
        except OSError:
            pass
        finally:
            writer.close()

    def _cut(self) -> None:
        for link in self._links:
            link.client.transport.abort()
            link.target.transport.abort()

    def _set_hole(self, hole: bool) -> None:
        self._hole = hole
        if hole:
            self._passable.clear()
        else:
            self._passable.set()
