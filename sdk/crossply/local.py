"""The mesh that runs on this machine, as ``crossply up`` tells of it in ``.crossply/mesh.json``."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    from collections.abc import Mapping

LOCAL_MESH = Path(".crossply") / "mesh.json"
VARIABLE = "CROSSPLY_MESH"


class LocalMesh(msgspec.Struct, frozen=True):
    """What the file says; ``ca``, ``grant`` and ``operator`` name files beside it.

    They are the root to trust, the grant by which any service joins, and the operator's token.
    """

    nats: tuple[str, ...]
    registry: str = ""
    gateway: str = ""
    authority: str = ""
    ca: str = ""
    grant: str = ""
    operator: str = ""
    tenant: str = "default"
    trust_domain: str = "dev.local"
    pid: int = 0


@dataclass(frozen=True, slots=True)
class Found:
    """A mesh, and the file that tells of it."""

    mesh: LocalMesh
    path: Path

    @property
    def ca(self) -> Path | None:
        """The root to trust."""
        return self._beside(self.mesh.ca)

    @property
    def grant(self) -> Path | None:
        """What any service joins with."""
        return self._beside(self.mesh.grant)

    @property
    def operator(self) -> Path | None:
        """What commands the authority."""
        return self._beside(self.mesh.operator)

    def _beside(self, name: str) -> Path | None:
        return self.path.parent / name if name else None


def find(environ: Mapping[str, str], start: Path, faults: list[str]) -> Found | None:
    """Return the mesh that CROSSPLY_MESH names, else the one that runs in ``start`` or above it, if there is one.

    With CROSSPLY_NATS_URL there is none. What is wrong with a file is told to ``faults``.
    """
    if "CROSSPLY_NATS_URL" in environ:
        return None
    named = environ.get(VARIABLE)
    path = Path(named) if named else _above(start)
    if path is None:
        return None
    try:
        # Whoever can write above this folder, as anybody can in /tmp, must not make its services join his mesh.
        if not named and not _own(path):
            faults.append(f"{path}: belongs to another user; set {VARIABLE} to it if it is to be trusted")
            return None
        return Found(msgspec.json.decode(path.read_bytes(), type=LocalMesh), path)
    except (OSError, msgspec.DecodeError) as error:
        hint = f"is {VARIABLE} right, and does that mesh run?" if named else "run `crossply up` again"
        faults.append(f"{path}: {error}; {hint}")
        return None


def _above(start: Path) -> Path | None:
    places = (folder / LOCAL_MESH for folder in (start, *start.parents))
    return next((path for path in places if path.is_file()), None)


def _own(path: Path) -> bool:
    # A system without users has no strangers.
    return not hasattr(os, "getuid") or path.stat().st_uid == os.getuid()
