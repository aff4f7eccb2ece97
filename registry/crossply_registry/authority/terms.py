"""How long what is issued lasts and keys seal: what `Security` documents say, within what the configuration permits."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from crossply.telemetry.logs import get_logger
from crossply_policy.security import Securities, SecurityPolicy

_log: Final = get_logger("authority")


class Terms:
    """The terms of one tenant, in seconds. A document shortens what the configuration says; it never lengthens it.

    So whoever may write policy, which is not whoever runs the authority, can only have keys live for a shorter time.
    """

    def __init__(self, lifetime: float, epoch: float) -> None:
        self._lifetime = lifetime
        self._epoch = epoch
        self._said = Securities()
        self._listeners: list[Callable[[], None]] = []

    def on_change(self, listener: Callable[[], None]) -> None:
        """Call ``listener`` when documents begin to say something else."""
        self._listeners.append(listener)

    def adopt(self, said: Securities) -> None:
        """Go by these documents from now on."""
        if said == self._said:
            return
        self._said = said
        for name, policy in (("mesh", said.mesh), *said.services.items()):
            self._tell(name, policy)
        for listener in self._listeners:
            listener()

    def lifetime(self, service: str) -> float:
        """Return how long what a service is issued now lasts."""
        return min(self._said.service(service).credential_lifetime or self._lifetime, self._lifetime)

    def epoch(self, service: str) -> float:
        """Return how long a key of a service seals before the next one does."""
        return min(self._said.service(service).key_epoch or self._epoch, self._epoch)

    @property
    def channels(self) -> float:
        """Return how long a key of channels seals: these belong to no one service, so that the mesh says it."""
        return min(self._said.mesh.key_epoch or self._epoch, self._epoch)

    @property
    def shortest(self) -> float:
        """Return the shortest epoch there is."""
        return min((self.channels, *map(self.epoch, self._said.services)))

    def _tell(self, name: str, policy: SecurityPolicy) -> None:
        """Say where a document asks for more than there is."""
        for field, asked, most, setting in (
            ("key_epoch", policy.key_epoch, self._epoch, "CROSSPLY_KEY_EPOCH"),
            ("credential_lifetime", policy.credential_lifetime, self._lifetime, "CROSSPLY_CREDENTIAL_LIFETIME"),
        ):
            if asked is not None and asked > most:
                _log.warning(
                    "security_bounded",
                    document=f"Security/{name}",
                    field=field,
                    asked=asked,
                    why=f"{setting} of this authority permits {most:g} s, which is in force: raise it there first",
                )
