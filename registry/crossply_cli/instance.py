"""Whether this container's own process is well, by what it serves and by the file of its heartbeats."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from http import HTTPStatus
from pathlib import Path
from typing import Any, Final

import httpx

from crossply.errors import ConfigError
from crossply.identity.issued import trusting
from crossply_cli.checks import Finding

_STALE: Final = 20.0
_ANSWER: Final = 2.0
_LISTENERS: Final = {
    "authority": "CROSSPLY_AUTHORITY_LISTEN",
    "registry": "CROSSPLY_REGISTRY_LISTEN",
    "bridge": "CROSSPLY_BRIDGE_LISTEN",
}
_FOLDER: Final = "CROSSPLY_AUTHORITY_DIR"


def own_findings(environ: Mapping[str, str]) -> list[Finding]:
    """Look at the readiness files in CROSSPLY_STATE, and ask whatever listens here whether it is ready.

    Raises ConfigError when the environment names nothing of the kind.
    """
    asked = [_listener(what, environ[name], environ) for what, name in _LISTENERS.items() if environ.get(name)]
    state = environ.get("CROSSPLY_STATE")
    if state:
        asked += _files(Path(state))
    if not asked:
        names = ", ".join(("CROSSPLY_STATE", *_LISTENERS.values()))
        raise ConfigError([f"nothing says what runs here; set one of {names}"])
    return asked


def _listener(what: str, listen: str, environ: Mapping[str, str]) -> Finding:
    host, _, port = listen.rpartition(":")
    secure = what == "authority"
    url = f"{'https' if secure else 'http'}://{'127.0.0.1' if host in {'', '0.0.0.0', '[::]'} else host}:{port}/readyz"  # noqa: S104 - compared
    try:
        trusted = trusting(Path(environ.get(_FOLDER, "")) / "ca.pem") if secure else True
        with httpx.Client(trust_env=False, verify=trusted) as client:
            answer = client.get(url, timeout=_ANSWER)
    except (httpx.HTTPError, OSError) as error:
        hint = f"the log of the {what} says why it does not listen"
        return Finding(what=what, well=False, seen=f"{url} does not answer: {error}", hint=hint)
    well = answer.status_code == HTTPStatus.OK
    hint = "" if well else f"it is starting, stopping, or without its broker; the log of the {what} says which"
    return Finding(what=what, well=well, seen=f"{url} answers {answer.status_code}", hint=hint)


def _files(state: Path) -> list[Finding]:
    files = sorted(state.glob("*.json"))
    if not files:
        hint = "the process has not joined the mesh yet, or writes elsewhere"
        return [Finding(what="instance", well=False, seen=f"{state} has no readiness file", hint=hint)]
    return [_file(path) for path in files]


def _file(path: Path) -> Finding:
    what = path.stem
    try:
        said: dict[str, Any] = json.loads(path.read_bytes())
        age, connected = time.time() - float(said["at"]), bool(said["connected"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        return Finding(what=what, well=False, seen=f"{path} cannot be read: {error!r}", hint="restart the process")
    if age > _STALE:
        hint = "the process hangs or is gone; look at its log"
        return Finding(what=what, well=False, seen=f"last heartbeat {age:.0f} s ago", hint=hint)
    if not connected:
        return Finding(what=what, well=False, seen="is without its broker", hint="look at the broker")
    return Finding(what=what, well=True, seen=f"heartbeat {age:.0f} s ago, revision {said.get('revision')}")
