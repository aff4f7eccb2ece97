"""Why an authority cannot run, as its command says it: the words, and the exit code."""

from __future__ import annotations

from typing import Final

from crossply.errors import ConfigError, Unavailable
from crossply_registry.authority.certificates import CertificateFault
from crossply_registry.authority.config import AuthorityConfig
from crossply_registry.authority.kek import KekFault
from crossply_registry.authority.state import StateFault

BAD_STATE: Final = 65
NO_BROKER: Final = 69
FAULTS: Final = (Unavailable, CertificateFault, KekFault, OSError, ValueError, StateFault)
"""What may end it before it serves."""


def told(error: BaseException, config: AuthorityConfig) -> tuple[int, str]:
    """Return the exit code and the line that says why."""
    if isinstance(error, Unavailable):
        return NO_BROKER, error.message
    if isinstance(error, StateFault):
        return BAD_STATE, str(error)
    return ConfigError.exit_code, f"{config.folder.path}: {error}"
