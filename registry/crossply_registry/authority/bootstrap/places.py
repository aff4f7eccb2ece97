"""Where `crossply authority init` writes what: a folder for each process, and one that is kept offline."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from crossply_registry.authority.folder import Folder


@dataclass(frozen=True, slots=True)
class Places:
    """The folders below `--out`."""

    out: Path
    of: Path | None = None
    """The mesh's first folder, where this is that of another tenant."""

    @property
    def root(self) -> Path:
        """Return the root's folder: after the first run it belongs on no machine that runs."""
        return (self.of or self.out) / "root"

    @property
    def tenants(self) -> Path:
        """Return where the folders of further tenants lie."""
        return self.out / "tenants"

    @property
    def authority(self) -> Folder:
        """Return the authority's folder."""
        return Folder(self.out / "authority")

    @property
    def broker(self) -> Path:
        """Return the folder that brokers mount."""
        return self.out / "broker"

    @property
    def registry(self) -> Path:
        """Return the registry's folder."""
        return self.out / "registry"

    @property
    def operator_token(self) -> Path:
        """Return where the operator's token lies."""
        return self.out / "operator" / "token"

    @property
    def grant(self) -> Path:
        """Return the folder that any service of a mesh for development finds: the grant, and the root to trust."""
        return self.out / "grant"

    def service(self, name: str) -> Path:
        """Return the folder of a service: its token, and the root that it trusts."""
        return self.out / "services" / name
