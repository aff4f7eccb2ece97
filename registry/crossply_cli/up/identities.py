"""Who is who in a mesh on this machine: a root, an authority and tokens of its own, made on the first start."""

from __future__ import annotations

import secrets
from pathlib import Path
from typing import TYPE_CHECKING, Final

from crossply_cli.exit_codes import ExitCode
from crossply_cli.failure import Failure
from crossply_registry.authority import kek as keks
from crossply_registry.authority.bootstrap.init import Bootstrap, Wanted
from crossply_registry.authority.bootstrap.places import Places
from crossply_registry.authority.certificates import CertificateFault, trust_domain_of
from crossply_registry.authority.folder import certificate
from crossply_registry.authority.kek import KekFault
from crossply_registry.broker_callout import Callout
from crossply_registry.broker_config import Certificates

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

_LETTERS: Final = "abcdefghijklmnopqrstuvwxyz234567"
_RANDOM: Final = 10


class Identities:
    """What `crossply authority init` would write, below one folder of the data directory, with a grant."""

    def __init__(self, path: Path) -> None:
        self._places = Places(path.resolve())
        self._path = path

    def prepare(self, services: Iterable[str]) -> None:
        """Make what is missing, a token for each of these services too; raise Failure for what cannot be used."""
        try:
            wanted = Wanted(
                out=self._places.out, trust_domain=self._domain() or _new_domain(), services=tuple(services), grant=True
            )
            # The user's shell may have the key-encryption key of some other mesh.
            Bootstrap(wanted, {}).run()
        except (CertificateFault, KekFault, OSError, ValueError) as error:
            raise Failure(
                f"the identities in {self._path} cannot be used",
                why=str(error),
                hint=f"remove {self._path.parent} to begin anew, or start another mesh with --data DIR",
                code=ExitCode.CONFIG,
            ) from error

    @property
    def trust_domain(self) -> str:
        """Return the mesh's name in every identity; raise CertificateFault or OSError before there is a root."""
        return trust_domain_of(certificate(self._places.authority.root))

    @property
    def certificates(self) -> Certificates:
        """Return the broker's files."""
        return Certificates(**{name: str(path) for name, path in _files(self._places.broker).items()})

    @property
    def callout(self) -> Callout | None:
        """Return whom the broker asks what a connection may; raise KekFault or OSError."""
        folder = self._places.authority
        keys = folder.read_callout(keks.read({}, folder.kek))
        return None if keys is None else Callout(issuer=keys.issuer_name, user=keys.user.name)

    @property
    def authority(self) -> dict[str, str]:
        """Return the variables that tell the authority where its folder is."""
        return {"CROSSPLY_AUTHORITY_DIR": str(self._places.authority.path)}

    @property
    def registry(self) -> dict[str, str]:
        """Return the variables that give the registry its certificate and the key that signs revisions."""
        files = _files(self._places.registry)
        return {
            "CROSSPLY_TLS_CA": str(files["root"]),
            "CROSSPLY_TLS_CERT": str(files["certificate"]),
            "CROSSPLY_TLS_KEY": str(files["key"]),
            "CROSSPLY_SIGNING_KEY": str(self._places.registry / "signing.key"),
        }

    def service(self, name: str) -> dict[str, str]:
        """Return the variables by which a service joins that has a token of its own."""
        folder = self._places.service(name)
        return {"CROSSPLY_AUTHORITY_CA": str(folder / "ca.pem"), "CROSSPLY_TOKEN_FILE": str(folder / "token")}

    def found(self) -> Mapping[str, str]:
        """Return what the mesh file names: files, relative to the folder that holds it."""
        files = {
            "ca": self._places.grant / "ca.pem",
            "grant": self._places.grant / "token",
            "operator": self._places.operator_token,
        }
        return {name: str(path.relative_to(self._places.out.parent)) for name, path in files.items()}

    def _domain(self) -> str | None:
        return self.trust_domain if self._places.authority.root.exists() else None


def _files(folder: Path) -> dict[str, Path]:
    return {"certificate": folder / "tls.pem", "key": folder / "tls.key", "root": folder / "ca.pem"}


def _new_domain() -> str:
    """Return a name that no other mesh has, so that none takes an identity of this one for one of its own."""
    return f"dev-{''.join(secrets.choice(_LETTERS) for _ in range(_RANDOM))}.local"
