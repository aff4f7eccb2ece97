"""Two real nats-servers that route to each other, for tests that take one of them away."""

from __future__ import annotations

import signal
import subprocess
import time
from pathlib import Path
from types import TracebackType
from typing import Self

from crossply_registry.broker_config import BrokerConfig, render, url
from tests.support.broker import binary, free_port, listens
from tests.support.leashed import leashed

_STARTED_WITHIN = 15.0


class Cluster:
    """Brokers ``0`` and ``1``; each keeps its ports over restarts."""

    def __init__(self, directory: Path, *, extra: str = "") -> None:
        self._directory = directory
        self._extra = extra
        self._routes = [free_port(), free_port()]
        self._configs = [
            BrokerConfig(
                server_name=f"broker-{number}",
                store_dir=str(directory / f"jetstream-{number}"),
                mesh_password="mesh-secret",
                system_password="system-secret",
                port=free_port(),
            )
            for number in (0, 1)
        ]
        self._processes: list[subprocess.Popen[bytes] | None] = [None, None]

    def url(self, number: int) -> str:
        """Where clients reach a broker."""
        return url(self._configs[number])

    def place(self, number: int) -> str:
        """Host and port of a broker, as a link names it."""
        return f"127.0.0.1:{self._configs[number].port}"

    def number(self, place: str) -> int:
        """Which broker a link names."""
        return [self.place(0), self.place(1)].index(place)

    def start(self, number: int) -> None:
        """Start one of them and return when it takes connections."""
        path = self._directory / f"nats-{number}.conf"
        path.write_text(render(self._configs[number]) + self._cluster(number) + self._extra)
        with (self._directory / f"nats-{number}.log").open("ab") as log:
            process = subprocess.Popen(leashed(str(binary()), "--config", str(path)), stdout=log, stderr=log)
        self._processes[number] = process
        until = time.monotonic() + _STARTED_WITHIN
        while not listens(self._configs[number].port):
            assert process.poll() is None, (self._directory / f"nats-{number}.log").read_text()[-2000:]
            assert time.monotonic() < until
            time.sleep(0.01)

    def signal(self, number: int, what: signal.Signals) -> None:
        """Kill one, pause it, let it go on, or have it leave (SIGUSR2: lame duck)."""
        process = self._processes[number]
        assert process is not None
        process.send_signal(what)
        if what is signal.SIGKILL:
            process.wait(10)

    def _cluster(self, number: int) -> str:
        return f"""
cluster {{
  name: mesh
  listen: "127.0.0.1:{self._routes[number]}"
  routes: ["nats-route://127.0.0.1:{self._routes[1 - number]}"]
  # Routes of an empty pool hold one connection, so that each broker knows at once who listens at the other.
  pool_size: -1
}}
lame_duck_duration: "31s"
lame_duck_grace_period: "1s"
"""

    def __enter__(self) -> Self:
        self.start(0)
        self.start(1)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for process in self._processes:
            if process is not None:
                process.kill()
                process.wait(10)
