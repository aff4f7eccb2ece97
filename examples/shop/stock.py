"""stock: an HTTP application that knows nothing of Crossply; a bridge beside it makes it the service `stock`.

GET /items/<sku>       what there is, and its price in cents
POST /reservations     {"order", "sku", "quantity"}
GET /healthz           the bridge asks it whether the application may get work
"""

from __future__ import annotations

import json
import os
import signal
import sys
from collections import Counter
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

PRICES = {"a": 1250, "b": 399, "c": 9900}
RESERVED: Counter[str] = Counter()


class Stock(BaseHTTPRequestHandler):
    """One connection."""

    protocol_version = "HTTP/1.1"  # keeps connections, which the bridge pools
    disable_nagle_algorithm = True  # header and body are two writes; together they would wait 40 ms for each other

    def do_GET(self) -> None:
        """Say what there is."""
        sku = self.path.removeprefix("/items/")
        if self.path == "/healthz":
            self.answer(HTTPStatus.OK, {"status": "ok"})
        elif sku in PRICES:
            self.answer(HTTPStatus.OK, {"sku": sku, "cents": PRICES[sku], "reserved": RESERVED[sku]})
        else:
            self.answer(HTTPStatus.NOT_FOUND, {"error": f"nothing at {self.path}"})

    def do_POST(self) -> None:
        """Reserve."""
        asked = json.loads(self.rfile.read(int(self.headers.get("content-length", 0))) or b"{}")
        sku, quantity = asked.get("sku"), asked.get("quantity", 1)
        if self.path != "/reservations" or sku not in PRICES or not isinstance(quantity, int):
            self.answer(HTTPStatus.NOT_FOUND, {"error": f"nothing at {self.path} for {sku}"})
            return
        RESERVED[sku] += quantity
        self.answer(HTTPStatus.CREATED, {"order": asked.get("order"), "sku": sku, "quantity": quantity})

    def answer(self, status: HTTPStatus, value: object) -> None:
        """Send a value as JSON."""
        body = json.dumps(value).encode()
        self.send_response(status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class names it
        """Stay quiet."""


class Server(ThreadingHTTPServer):
    """A thread a connection."""

    daemon_threads = True
    request_queue_size = 128


if __name__ == "__main__":
    signal.signal(
        signal.SIGTERM, lambda _number, _frame: sys.exit()
    )  # a container's first process is not ended by it otherwise
    Server((os.environ.get("HOST", "127.0.0.1"), int(os.environ.get("PORT", "8080"))), Stock).serve_forever()
