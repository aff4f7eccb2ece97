"""What proves who a process is, as it is now: a file may be rotated under the process that reads it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from crossply.config import MeshConfig
    from crossply.telemetry.logs import Logger

_DOTS_OF_A_JWT: Final = 2


def proof(config: MeshConfig, log: Logger) -> dict[str, str]:
    """Return the field of a join that proves who asks: an enrolment token, or a Kubernetes service account's.

    Nothing where there is neither. The latter is a JWT, of three parts; an enrolment token has no dot in it.
    """
    text = token(config, log)
    if not text:
        return {}
    return {"kubernetes" if text.count(".") == _DOTS_OF_A_JWT else "token": text}


def token(config: MeshConfig, log: Logger) -> str:
    """Return it; empty where there is none, or its file cannot be read, which the log then says."""
    path = config.token_file
    if path is None:
        return config.token
    try:
        return path.read_text(encoding="ascii").strip()
    except (OSError, UnicodeDecodeError) as error:
        log.warning("token_not_read", path=str(path), why=str(error))
        return ""
