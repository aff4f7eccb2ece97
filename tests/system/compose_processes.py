"""The services of docker-compose.yml as processes of this machine, started and stopped as compose does."""

from __future__ import annotations

import asyncio
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from tests.support.broker import binary
from tests.support.leashed import leashed
from tests.system.compose_file import Service
from tests.system.compose_places import BROKER_FILE, Places

_HEALTHY_WITHIN: Final = 30.0
_STOPPED_WITHIN: Final = 15.0
_EVERY: Final = 0.5
_FETCH: Final = "import sys, urllib.request; urllib.request.urlopen(sys.argv[-1], timeout=2)"


class Project:
    """Runs every container of every service; ``extra`` are variables that a test adds to a service."""

    def __init__(
        self, services: Mapping[str, Service], directory: Path, extra: Mapping[str, Mapping[str, str]]
    ) -> None:
        self._services = services
        self._directory = directory
        self._extra = extra
        self._places = Places(services, directory)
        self._ready = {name: asyncio.Event() for name in services}
        self._running: dict[str, list[subprocess.Popen[bytes]]] = {}

    def address(self, service: str, port: int) -> str:
        """Return host and port under which a service's port is reached here."""
        return self._places.address(service, port)

    def log(self, service: str) -> str:
        """Return what all processes of a service wrote."""
        files = sorted(self._directory.glob(f"{service}-[0-9]/log"))
        return "\n".join(path.read_text(errors="replace") for path in files)

    async def up(self) -> None:
        """Start everything, each service once those that it needs are well."""
        async with asyncio.TaskGroup() as starting:
            for service in (each for each in self._services.values() if not each.tool):
                starting.create_task(self._start(service), name=service.name)

    async def run(self, name: str, *command: str) -> str:
        """Run a container of a service once with another command, and return what it printed to stdout."""
        service = self._services[name]
        self._places.folder(service, 0).mkdir(parents=True, exist_ok=True)
        running = await asyncio.create_subprocess_exec(
            *self._argv(service, 0, (*service.image.entrypoint, *command)),
            cwd=self._places.working(service, 0),
            env=self._places.environment(service, 0),
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        output, errors = await running.communicate()
        assert running.returncode == 0, errors.decode(errors="replace")
        return output.decode()

    async def down(self) -> dict[str, list[int]]:
        """Ask every process to stop, the last started first, and return how each ended; -9 was too slow."""
        codes: dict[str, list[int]] = {}
        for name, processes in reversed(self._running.items()):
            for process in processes:
                process.terminate()
            codes[name] = [await asyncio.to_thread(_ended, process) for process in processes]
        self._running = {}
        return codes

    async def _start(self, service: Service) -> None:
        for needed in service.needs:
            await self._ready[needed].wait()
        running = self._running[service.name] = []
        running.extend(self._spawn(service, number) for number in range(service.replicas))
        async with asyncio.timeout(_HEALTHY_WITHIN):
            for number, process in enumerate(running):
                await self._well(service, number, process)
        self._ready[service.name].set()

    async def _well(self, service: Service, number: int, process: subprocess.Popen[bytes]) -> None:
        """Return when a container is healthy, or has done its one job if it has no health check."""
        while True:
            said = await self._check(service, number) if service.health else "is not done"
            code = process.poll()
            if said is None or (code == 0 and not service.health):
                return
            assert code is None, f"{service.name} ended with {code}: {said}: {self.log(service.name)}"
            await asyncio.sleep(_EVERY)

    async def _check(self, service: Service, number: int) -> str | None:
        """Run the health check once; return what it said if the container is not well."""
        checking = await asyncio.create_subprocess_exec(
            *self._argv(service, number, service.health),
            env=self._places.environment(service, number),
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        output, _ = await checking.communicate()
        return output.decode(errors="replace") if checking.returncode else None

    def _spawn(self, service: Service, number: int) -> subprocess.Popen[bytes]:
        own = self._places.folder(service, number)
        own.mkdir(parents=True)
        with (own / "log").open("ab") as log:
            return subprocess.Popen(
                leashed(*self._argv(service, number, service.argv)),
                cwd=self._places.working(service, number),
                env={**self._places.environment(service, number), **self._extra.get(service.name, {})},
                stdout=log,
                stderr=log,
            )

    def _argv(self, service: Service, number: int, argv: tuple[str, ...]) -> list[str]:
        program, *arguments = argv
        if arguments[-1:] == [BROKER_FILE]:
            arguments[-1] = str(self._places.broker_file(service, number))
        return [*_program(program), *(self._places.local(service, number, each) for each in arguments)]

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.down()


def _program(name: str) -> list[str]:
    """Return what runs here in the place of an image's program."""
    if name == "nats-server":
        return [str(binary())]
    if name == "python3":
        return [sys.executable]
    if name == "wget":  # not every machine has it
        return [sys.executable, "-c", _FETCH]
    beside = Path(sys.executable).with_name(name)
    return [str(beside) if beside.exists() else shutil.which(name) or name]


def _ended(process: subprocess.Popen[bytes]) -> int:
    try:
        return process.wait(_STOPPED_WITHIN)
    except subprocess.TimeoutExpired:
        process.kill()
        return process.wait()
