"""A proxy like nginx: it passes on requests under PREFIX without the prefix, and answers 404 to all others."""

from __future__ import annotations

import http.client
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

PREFIX = "/at/desk"
_OF_A_HOP = ("connection", "transfer-encoding", "keep-alive")


@contextmanager
def proxy(port: int) -> Iterator[str]:
    """Yield the address of the desk behind a proxy; the desk itself listens on `port`."""

    class Handler(BaseHTTPRequestHandler):
        def pass_on(self) -> None:
            if not self.path.startswith(f"{PREFIX}/"):
                return self.send_error(404, "not under the prefix")
            desk = http.client.HTTPConnection("127.0.0.1", port)
            told = {"X-Forwarded-Prefix": PREFIX, "X-Forwarded-Host": self.headers["Host"], "Connection": "close"}
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            headers = {name: value for name, value in self.headers.items() if name.lower() not in _OF_A_HOP}
            desk.request(self.command, self.path.removeprefix(PREFIX), body or None, headers | told)
            self._answer(desk.getresponse())
            desk.close()

        do_GET = do_POST = do_HEAD = pass_on

        def _answer(self, answer: http.client.HTTPResponse) -> None:
            self.send_response_only(answer.status)
            for name, value in answer.getheaders():
                if name.lower() not in _OF_A_HOP:
                    self.send_header(name, value)
            self.end_headers()
            while piece := answer.read1(65_536):  # as they come: some are streams
                self.wfile.write(piece)

        def log_message(self, *_: object) -> None: ...

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
