"""An authority in a process of its own, its folder as init wrote it, and its HTTPS API."""

from __future__ import annotations

import ssl
from pathlib import Path
from types import TracebackType
from typing import Self

import httpx

from crossply_registry.authority.bootstrap.init import Bootstrap, Wanted
from tests.support.broker import free_port
from tests.support.program import Program
from tests.support.waiting import eventually, eventually_awaited

_READY_WITHIN = 20.0
_SCALED = """
import asyncio, dataclasses, os
from crossply_registry.authority.config import AuthorityConfig
from crossply_registry.authority.server import serve
from crossply_registry.authority.terms import Terms
said = Terms.epoch
Terms.epoch = lambda self, service: said(self, service) / {pace}
config = AuthorityConfig.from_mapping(os.environ)
asyncio.run(serve(dataclasses.replace(config, epoch={epoch} or config.epoch)))
"""


def initialised(out: Path, *services: str) -> Path:
    """Write a mesh's folder, and return it."""
    Bootstrap(Wanted(out=out, services=services, broker_port=free_port()), {}).run()
    return out


class AuthorityProcess:
    """``python -m crossply_registry.authority`` on a free port; ``environ`` adds to its configuration.

    ``epoch`` is one of its keys in seconds, shorter than a configuration may say; those of services are ``pace`` times
    as short as they are said to be.
    """

    def __init__(
        self, out: Path, directory: Path, nats: str, *, epoch: float | None = None, pace: float = 1.0, **environ: str
    ) -> None:
        said = epoch is None and pace == 1.0
        self.out = out
        self.port = free_port()
        self.program = Program(
            directory,
            *(("-m", "crossply_registry.authority") if said else ("-c", _SCALED.format(epoch=epoch, pace=pace))),
            environ={
                "CROSSPLY_AUTHORITY_DIR": str(out / "authority"),
                "CROSSPLY_NATS_URL": nats,
                "CROSSPLY_AUTHORITY_LISTEN": f"127.0.0.1:{self.port}",
                "CROSSPLY_LOG_FORMAT": "json",
                **environ,
            },
        )
        self.url = f"https://127.0.0.1:{self.port}"
        trusted = ssl.create_default_context(cafile=out / "authority" / "ca.pem")
        self.api = httpx.AsyncClient(base_url=self.url, trust_env=False, verify=trusted)

    @property
    def operator(self) -> dict[str, str]:
        """Return what an operator's command is told by its environment."""
        return {
            "CROSSPLY_AUTHORITY": self.url,
            "CROSSPLY_AUTHORITY_CA": str(self.out / "authority" / "ca.pem"),
            "CROSSPLY_OPERATOR_TOKEN_FILE": str(self.out / "operator" / "token"),
        }

    def token(self, service: str) -> str:
        """Return the token that init wrote for a service."""
        return (self.out / "services" / service / "token").read_text().strip()

    async def ready(self) -> Self:
        """Wait until it says that it is ready."""

        async def is_ready() -> bool:
            if self.program.code is not None:
                raise AssertionError(f"the authority ended with {self.program.code}: {self.program.log}")
            try:
                return (await self.api.get("/readyz")).is_success
            except httpx.TransportError:
                return False

        await eventually_awaited(is_ready, _READY_WITHIN)
        return self

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.api.aclose()
        self.program.__exit__(kind, error, trace)


class CalloutProcess:
    """``python -m crossply_registry.authority.callout``: what answers brokers while no authority is there."""

    def __init__(self, out: Path, directory: Path, nats: str) -> None:
        environ = {
            "CROSSPLY_AUTHORITY_DIR": str(out / "authority"),
            "CROSSPLY_NATS_URL": nats,
            "CROSSPLY_LOG_FORMAT": "json",
        }
        self.program = Program(directory, "-m", "crossply_registry.authority.callout", environ=environ)

    async def ready(self) -> Self:
        """Wait until it says that it is ready."""

        def is_ready() -> bool:
            if self.program.code is not None:
                raise AssertionError(f"the callout ended with {self.program.code}: {self.program.log}")
            return '"event": "ready"' in self.program.log or '"event":"ready"' in self.program.log

        await eventually(is_ready, _READY_WITHIN)
        return self

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.program.__exit__(kind, error, trace)
