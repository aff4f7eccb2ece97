"""The data directory of a mesh: its lock, its identities, what clients look up, what a crash leaves behind."""

from __future__ import annotations

import fcntl
import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final, Self
from urllib.parse import urlsplit

import msgspec

from crossply_cli.exit_codes import ExitCode
from crossply_cli.failure import Failure
from crossply_cli.up.identities import Identities
from crossply_cli.up.lineage import Recorded
from crossply_policy.plain_data import is_list

MESH_FILE: Final = "mesh.json"
_LOCK, _PROCESSES = "lock", "processes.json"
_PARTS: Final = ("authority", "registry", "gateway")


@dataclass(frozen=True, slots=True, kw_only=True)
class MeshFile:
    """What services and commands find by looking upwards for `.crossply/mesh.json`.

    `ca`, `grant` and `operator` are files, relative to its folder: the root to trust, what any service joins with,
    and what commands the authority.
    """

    nats: tuple[str, ...]
    authority: str
    registry: str
    gateway: str
    ca: str
    grant: str
    operator: str
    tenant: str
    trust_domain: str
    pid: int


class DataDirectory:
    """A directory that one `crossply up` holds at a time; the kernel lets go of it when that process ends."""

    def __init__(self, path: Path, lock: int) -> None:
        self.path = path
        self.logs = path / "logs"
        self.broker_config = path / "nats.conf"
        self.store = path / "nats"
        self.identities = Identities(path / "identities")
        self._lock = lock

    @classmethod
    def hold(cls, path: Path) -> Self:
        """Make the directory and take it; raise Failure if that cannot be, or another mesh runs from it."""
        try:
            path.mkdir(mode=0o700, parents=True, exist_ok=True)
            (path / "logs").mkdir(exist_ok=True)
            (path / ".gitignore").write_text("*\n", encoding="utf-8")
            lock = os.open(path / _LOCK, os.O_CREAT | os.O_RDWR, 0o600)
        except OSError as error:
            hint = "name another one with --data DIR"
            raise Failure(f"{path} cannot hold the mesh's data", why=str(error), hint=hint) from error
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            os.close(lock)
            raise _already_running(path) from error
        return cls(path, lock)

    def release(self) -> None:
        """Let another run have the directory."""
        os.close(self._lock)

    def publish(self, mesh: MeshFile) -> None:
        """Let services and commands find the mesh."""
        _store(self.path / MESH_FILE, asdict(mesh))

    def left_ports(self) -> dict[str, int]:
        """Return the ports of a run that did not withdraw its addresses, by part; nothing when it ended in order."""
        found = _load(self.path / MESH_FILE)
        broker: Any = found.get("nats")
        addresses = {"broker": broker[0] if is_list(broker) and broker else None} | {
            part: found.get(part) for part in _PARTS
        }
        ports = {part: _port(address) for part, address in addresses.items()}
        return {part: port for part, port in ports.items() if port is not None}

    def withdraw(self) -> None:
        """Take the mesh's addresses back, as nobody answers there any more."""
        (self.path / MESH_FILE).unlink(missing_ok=True)

    def record(self, children: list[Recorded]) -> None:
        """Write down which children run, for the run after a crash of this one."""
        _store(self.path / _PROCESSES, {"processes": [asdict(child) for child in children]})

    def recorded(self) -> list[Recorded]:
        """Return the children that the last run wrote down; none when it ended in order."""
        kept = _load(self.path / _PROCESSES).get("processes", [])
        try:
            return [Recorded(name=each["name"], pid=each["pid"], started=each["started"]) for each in kept]
        except (KeyError, TypeError):
            return []


def _already_running(path: Path) -> Failure:
    found = _load(path / MESH_FILE)
    details = [f"{name:<9} {_listed(found[name])}" for name in ("nats", *_PARTS) if name in found]
    pid = found.get("pid")
    return Failure(
        f"a mesh runs from {path} already",
        why=f"process {pid} holds it" if pid else "it is just starting",
        hint=f"use that one, stop it with `kill {pid}`, or start another with --data DIR" if pid else "wait a moment",
        details=details,
        code=ExitCode.ALREADY_RUNNING,
    )


def _listed(value: Any) -> str:
    return ", ".join(map(str, value)) if is_list(value) else str(value)


def _port(address: object) -> int | None:
    """Return the port in an address; None when there is none, or the file was no file of ours."""
    try:
        return (urlsplit(address).port or None) if isinstance(address, str) else None
    except ValueError:
        return None


def _load(path: Path) -> dict[str, Any]:
    """Return the object in a file; an empty one when there is none, or a crash left half of it."""
    try:
        return msgspec.json.decode(path.read_bytes(), type=dict[str, Any])
    except (OSError, msgspec.DecodeError):
        return {}


def _store(path: Path, value: dict[str, Any]) -> None:
    """Write an object for its owner's eyes only, whole or not at all."""
    part = path.with_name(f"{path.name}.part")
    part.unlink(missing_ok=True)
    with os.fdopen(os.open(part, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "w", encoding="utf-8") as file:
        json.dump(value, file, indent=2)
        file.write("\n")
    part.replace(path)
