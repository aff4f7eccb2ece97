"""A broker that takes nobody without a certificate of the mesh's root."""

from __future__ import annotations

import subprocess
import time
from pathlib import Path
from types import TracebackType
from typing import Self

from tests.support.broker import binary, free_port, listens
from tests.support.leashed import leashed

_STARTED_WITHIN = 15.0


class ClosedBroker:
    """A nats-server with TLS 1.3 and verified client certificates; its files are those that init wrote."""

    def __init__(self, directory: Path, out: Path) -> None:
        self.port = free_port()
        self._directory = directory
        self._process: subprocess.Popen[bytes] | None = None
        tls = out / "broker"
        directory.mkdir(parents=True, exist_ok=True)
        (directory / "nats.conf").write_text(
            f"""
            host: 127.0.0.1
            port: {self.port}
            jetstream {{ store_dir: "{directory / "jetstream"}" }}
            tls {{
              cert_file: "{tls / "tls.pem"}"
              key_file: "{tls / "tls.key"}"
              ca_file: "{tls / "ca.pem"}"
              verify: true
              min_version: "1.3"
            }}
            """
        )

    @property
    def url(self) -> str:
        """Return where clients connect."""
        return f"tls://127.0.0.1:{self.port}"

    def start(self) -> Self:
        """Start it and return when it takes connections."""
        with (self._directory / "nats.log").open("ab") as log:
            argv = leashed(str(binary()), "--config", str(self._directory / "nats.conf"))
            self._process = subprocess.Popen(argv, stdout=log, stderr=log)
        until = time.monotonic() + _STARTED_WITHIN
        while not listens(self.port):
            if self._process.poll() is not None or time.monotonic() > until:
                raise ConnectionError((self._directory / "nats.log").read_text()[-2000:])
            time.sleep(0.005)
        return self

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait(10)
