"""Where a container's hosts, ports, paths and user are on this machine."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path

from tests.architecture.tree import ROOT
from tests.support.broker import free_port
from tests.system.compose_file import Service

BROKER_FILE = "nats.conf"
_EVERYWHERE = "0.0.0.0"
_CONTAINERS_USER = "10001:10001"


class Places:
    """A free port for each port of a service, a folder below ``directory`` for each container and volume."""

    def __init__(self, services: Mapping[str, Service], directory: Path) -> None:
        self._services = services
        self._directory = directory
        self._ports: dict[tuple[str, int], int] = {}
        hosts = "|".join(map(re.escape, (*services, _EVERYWHERE, "127.0.0.1")))
        self._place = re.compile(rf"\b({hosts}):(\d+)\b")

    def address(self, service: str, port: int) -> str:
        """Return host and port under which a service's port is reached here."""
        return f"127.0.0.1:{self._port(service, port)}"

    def folder(self, service: Service, number: int) -> Path:
        """Return the folder of one container."""
        return self._directory / f"{service.name}-{number}"

    def local(self, service: Service, number: int, text: str) -> str:
        """Return what ``text``, an argument or a value, says of the container, said of this machine."""
        text = self._place.sub(lambda each: self._reached(service, each[1], int(each[2])), text)
        text = text.replace(_EVERYWHERE, "127.0.0.1").replace(_CONTAINERS_USER, f"{os.getuid()}:{os.getgid()}")
        for target, source in service.mounts.items():
            if target in text:
                text = text.replace(target, str(self._mounted(service, number, source)))
        return text

    def environment(self, service: Service, number: int) -> dict[str, str]:
        """Return the variables of one container, in addition to this machine's own."""
        outer = {name: value for name, value in os.environ.items() if not name.startswith("CROSSPLY_")}
        said = {name: value for name, value in service.environment.items() if name != "PATH"}
        local = {name: self.local(service, number, value) for name, value in said.items()}
        if "PORT" in said:
            local["PORT"] = str(self._port(service.name, int(said["PORT"])))
        return outer | local

    def _reached(self, service: Service, host: str, port: int) -> str:
        return self.address(host if host in self._services else service.name, port)

    def _mounted(self, service: Service, number: int, source: str) -> Path:
        own = self.folder(service, number)
        if source.startswith("./"):
            return ROOT / source
        folder = self._directory / source if source else own / "memory"
        if "/" not in source:  # a folder within a volume must be there, as it must for an engine
            folder.mkdir(exist_ok=True)
        assert folder.is_dir(), f"{service.name}: {source} is not there"
        return folder

    def broker_file(self, service: Service, number: int) -> Path:
        """Return a copy of the broker's configuration that keeps to this machine's ports and paths."""
        copy, folder = self.folder(service, number) / BROKER_FILE, self.working(service, number)
        if not copy.exists():
            for beside in folder.glob("*.conf"):  # what it includes, which names neither ports nor paths
                copy.with_name(beside.name).write_bytes(beside.read_bytes())
            text = (folder / BROKER_FILE).read_text(encoding="utf-8")
            text = re.sub(r"(?m)^port: (\d+)$", lambda each: f"port: {self._port(service.name, int(each[1]))}", text)
            copy.write_text(self.local(service, number, text), encoding="utf-8")
        return copy

    def working(self, service: Service, number: int) -> Path:
        """Return the folder in which a container's process runs."""
        if service.folder in service.mounts:
            return self._mounted(service, number, service.mounts[service.folder])
        return service.image.folders.get(service.folder, self.folder(service, number))

    def _port(self, service: str, port: int) -> int:
        return self._ports.setdefault((service, port), free_port())
