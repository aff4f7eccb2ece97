"""The services of docker-compose.yml as processes of this machine: hosts, ports and paths of containers made local."""

from __future__ import annotations

import asyncio
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from tests.architecture.tree import ROOT
from tests.support.broker import binary, free_port
from tests.support.leashed import leashed
from tests.system.compose_file import Service

_HEALTHY_WITHIN: Final = 30.0
_STOPPED_WITHIN: Final = 15.0
_EVERY: Final = 0.2
_PROGRAMS: Final = {
    "crossply": (str(Path(sys.executable).with_name("crossply")),),
    "python3": (sys.executable,),
    # The machine that runs the test need not have wget: it fetches its last argument.
    "wget": (sys.executable, "-c", "import sys, urllib.request; urllib.request.urlopen(sys.argv[-1], timeout=2)"),
}


class Project:
    """Runs every service in the order of its dependencies; ``extra`` are variables that a test adds to a service."""

    def __init__(
        self,
        services: Mapping[str, Service],
        directory: Path,
        extra: Mapping[str, Mapping[str, str]],
    ) -> None:
        self._services = services
        self._directory = directory
        self._extra = extra
        self._ports: dict[tuple[str, int], int] = {}
        self._running: dict[str, list[subprocess.Popen[bytes]]] = {}
        hosts = "|".join(map(re.escape, services))
        self._place = re.compile(rf"\b({hosts}|0\.0\.0\.0|127\.0\.0\.1):(\d+)\b")

    def address(self, service: str, port: int) -> str:
        """Return host and port under which a service's port is reached here."""
        return f"127.0.0.1:{self._port(service, port)}"

    def log(self, service: str) -> str:
        """Return what all processes of a service wrote."""
        files = sorted(self._directory.glob(f"{service}-*/log"))
        return "\n".join(path.read_text(errors="replace") for path in files)

    async def up(self) -> None:
        """Start everything, as ``docker compose up`` does."""
        await asyncio.gather(*[self._ready(name) for name in self._levels()])

    def _levels(self) -> list[str]:
        self._started = {name: asyncio.Event() for name in self._services}
        return list(self._services)

    async def _ready(self, name: str) -> None:
        service = self._services[name]
        for needed in service.needs:
            await self._started[needed].wait()
        self._running[name] = [self._spawn(service, number) for number in range(service.replicas)]
        for number, process in enumerate(self._running[name]):
            await self._well(service, number, process)
        self._started[name].set()

    async def _well(self, service: Service, number: int, process: subprocess.Popen[bytes]) -> None:
        async with asyncio.timeout(_HEALTHY_WITHIN):
            if not service.health:
                while (code := process.poll()) is None:
                    await asyncio.sleep(_EVERY)
                assert code == 0, f"{service.name} ended with {code}: {self.log(service.name)}"
                return
            while (said := await self._check(service, number)) is not None:
                assert process.poll() is None, f"{service.name} is gone: {said}: {self.log(service.name)}"
                await asyncio.sleep(_EVERY)

    async def _check(self, service: Service, number: int) -> str | None:
        """Run the health check once; return what it said if the container is not well."""
        checking = await asyncio.create_subprocess_exec(
            *self._argv(service, service.health, number),
            env=self._environment(service, number),
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        output, _ = await checking.communicate()
        return output.decode(errors="replace") if checking.returncode else None

    def _spawn(self, service: Service, number: int) -> subprocess.Popen[bytes]:
        own = self._own(service, number)
        own.mkdir(parents=True)
        with (own / "log").open("ab") as log:
            return subprocess.Popen(
                leashed(*self._argv(service, service.argv, number)),
                cwd=service.image.folders.get(service.image.folder, own),
                env=self._environment(service, number),
                stdout=log,
                stderr=log,
            )

    def _argv(self, service: Service, argv: tuple[str, ...], number: int) -> list[str]:
        program, *arguments = argv
        if program == "nats-server":
            found: tuple[str, ...] = (str(binary()),)
        else:
            found = _PROGRAMS.get(program) or (shutil.which(program) or program,)
        return [*found, *(self._local(service, each, number) for each in arguments)]

    def _environment(self, service: Service, number: int) -> dict[str, str]:
        outer = {name: value for name, value in os.environ.items() if not name.startswith("CROSSPLY_")}
        said = {name: value for name, value in service.environment.items() if name != "PATH"}
        local = {name: self._local(service, value, number) for name, value in said.items()}
        if "PORT" in said:
            local["PORT"] = str(self._port(service.name, int(said["PORT"])))
        return {**outer, **local, **self._extra.get(service.name, {})}

    def _local(self, service: Service, text: str, number: int) -> str:
        """Put this machine's ports, paths and user in place of the container's."""
        text = self._place.sub(lambda each: self._reached(service, each[1], int(each[2])), text)
        text = text.replace("0.0.0.0", "127.0.0.1").replace("10001:10001", f"{os.getuid()}:{os.getgid()}")
        for target, source in service.mounts.items():
            if target in text:
                text = text.replace(target, str(self._mounted(service, source, number)))
        return text

    def _reached(self, service: Service, host: str, port: int) -> str:
        return self.address(host if host in self._services else service.name, port)

    def _mounted(self, service: Service, source: str, number: int) -> Path:
        if not source.startswith("./"):
            folder = self._directory / source if source else self._own(service, number) / "memory"
            folder.mkdir(exist_ok=True)
            return folder
        text = re.sub(
            r"(?m)^port: (\d+)$",
            lambda each: f"port: {self._port(service.name, int(each[1]))}",
            (ROOT / source).read_text(encoding="utf-8"),
        )
        copy = self._own(service, number) / Path(source).name
        if not copy.exists():
            copy.write_text(self._local(service, text, number), encoding="utf-8")
        return copy

    def _own(self, service: Service, number: int) -> Path:
        return self._directory / f"{service.name}-{number}"

    def _port(self, service: str, port: int) -> int:
        return self._ports.setdefault((service, port), free_port())

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        processes = [each for every in reversed(self._running.values()) for each in every]
        for process in processes:
            process.terminate()
        for process in processes:
            try:
                await asyncio.to_thread(process.wait, _STOPPED_WITHIN)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
