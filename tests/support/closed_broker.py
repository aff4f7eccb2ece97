"""A broker that takes nobody without a certificate of the mesh's root."""

from __future__ import annotations

import re
import signal
import subprocess
import time
from pathlib import Path
from types import TracebackType
from typing import Self

from tests.support.broker import binary, listens
from tests.support.leashed import leashed

_STARTED_WITHIN = 15.0


class ClosedBroker:
    """A nats-server that runs from the folder that init wrote."""

    def __init__(self, out: Path) -> None:
        self._directory = out / "broker"
        configured = re.search(r"^port: (\d+)$", (self._directory / "nats.conf").read_text(), re.MULTILINE)
        assert configured is not None
        self.port = int(configured[1])
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """Return where clients connect."""
        return f"tls://127.0.0.1:{self.port}"

    def start(self) -> Self:
        """Start it and return when it takes connections."""
        with (self._directory / "nats.log").open("ab") as log:
            argv = leashed(str(binary()), "--config", "nats.conf")
            self._process = subprocess.Popen(argv, cwd=self._directory, stdout=log, stderr=log)
        until = time.monotonic() + _STARTED_WITHIN
        while not listens(self.port):
            if self._process.poll() is not None or time.monotonic() > until:
                raise ConnectionError((self._directory / "nats.log").read_text()[-2000:])
            time.sleep(0.005)
        return self

    def reload(self) -> None:
        """Have it read its configuration again."""
        self._signal(signal.SIGHUP)

    def kill(self) -> None:
        """Kill it as a crash would."""
        self._signal(signal.SIGKILL)
        if self._process is not None:
            self._process.wait(10)
            self._process = None

    def _signal(self, number: signal.Signals) -> None:
        if self._process is None:
            raise AssertionError("the broker is not running")
        self._process.send_signal(number)

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait(10)
