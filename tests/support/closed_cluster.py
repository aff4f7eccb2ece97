"""Two brokers that take certificates only and route to each other, configured as init configures one."""

from __future__ import annotations

import re
import subprocess
import time
from pathlib import Path
from types import TracebackType
from typing import Self

from tests.support.broker import binary, free_port, listens
from tests.support.leashed import leashed

_STARTED_WITHIN = 15.0


class ClosedCluster:
    """Two nats-servers that run from the folder that init wrote, with what of its configuration must differ."""

    def __init__(self, out: Path) -> None:
        self._directory = out / "broker"
        self._ports = (free_port(), free_port())
        self._routes = (free_port(), free_port())
        self._processes: list[subprocess.Popen[bytes]] = []

    def url(self, number: int) -> str:
        """Return where clients reach a broker."""
        return f"tls://127.0.0.1:{self._ports[number]}"

    def _start(self, number: int) -> None:
        text = (self._directory / "nats.conf").read_text()
        for name, value in (
            ("server_name", f'"broker-{number}"'),
            ("port", str(self._ports[number])),
            ("  store_dir", f'"jetstream-{number}"'),
        ):
            text, found = re.subn(rf"^{name}: .*$", f"{name}: {value}", text, count=1, flags=re.MULTILINE)
            assert found, name
        (self._directory / f"nats-{number}.conf").write_text(f"""{text}
cluster {{
  name: mesh
  listen: "127.0.0.1:{self._routes[number]}"
  routes: ["nats-route://127.0.0.1:{self._routes[1 - number]}"]
  pool_size: -1
}}
""")
        with (self._directory / f"nats-{number}.log").open("ab") as log:
            argv = leashed(str(binary()), "--config", f"nats-{number}.conf")
            self._processes.append(subprocess.Popen(argv, cwd=self._directory, stdout=log, stderr=log))

    def __enter__(self) -> Self:
        self._start(0)
        self._start(1)
        until = time.monotonic() + _STARTED_WITHIN
        while not all(map(listens, self._ports)):
            assert time.monotonic() < until, (self._directory / "nats-0.log").read_text()[-2000:]
            time.sleep(0.01)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for process in self._processes:
            process.kill()
            process.wait(10)
