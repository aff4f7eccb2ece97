"""Why a command has no broker: nobody answers, the one that does refuses it, or no authority let it join."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from crossply_cli.exit_codes import ExitCode
from crossply_cli.failure import Failure
from crossply_cli.target import start_hint

if TYPE_CHECKING:
    from crossply.config import MeshConfig
    from crossply.errors import Unavailable

_NATS_URL: Final = "CROSSPLY_NATS_URL"
_AUTHORITY: Final = "CROSSPLY_AUTHORITY"
_REFUSED: Final = "authorization violation"
"""The broker's own words; the wire has no other sign."""
_TLS: Final = ("CROSSPLY_TLS_", "TLS", "certificate")
_TLS_HINT: Final = (
    "set CROSSPLY_AUTHORITY and what belongs to it to join that mesh, or CROSSPLY_TLS_CA, CROSSPLY_TLS_CERT and"
    " CROSSPLY_TLS_KEY to files of one's own; docs/configuration.md describes both"
)


def broker_failure(config: MeshConfig, error: Unavailable) -> Failure:
    """Return the failure of a command that could not connect."""
    if config.authority and error.message.startswith(f"authority {config.authority} "):
        hint = start_hint(config, _AUTHORITY)
        return Failure("the authority cannot be reached", why=error.message, hint=hint, code=ExitCode.UNREACHABLE)
    if _REFUSED in error.message.lower():
        return Failure(
            "the broker refuses the credentials",
            why="it does not take this certificate" if config.authority else "user or password is wrong",
            hint=_credentials_hint(config),
            code=ExitCode.DENIED,
        )
    hint = _TLS_HINT if any(word in error.message for word in _TLS) else start_hint(config, _NATS_URL)
    return Failure("the broker cannot be reached", why=error.message, hint=hint, code=ExitCode.UNREACHABLE)


def _credentials_hint(config: MeshConfig) -> str:
    if config.local is not None:
        return f"{config.local} has those of another mesh; start this one again with `crossply up`, or set {_NATS_URL}"
    return f"put the right ones into {_NATS_URL}, as in .crossply/mesh.json of the mesh that runs there"
