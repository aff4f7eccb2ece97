"""The catalog: every instance heard of, forgotten after three heartbeats missed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from crossply.discovery.catalog import GONE_AFTER
from crossply.wire.presence import Bye, Heartbeat, Hello, Presence
from crossply_registry.catalog.instance import Instance

if TYPE_CHECKING:
    from crossply.clock import Clock

MOST_INSTANCES: Final = 4_096


class Full(Exception):
    """There are as many instances as the catalog may hold."""


class Catalog:
    """Instances by service and id; ``clock`` is monotonic."""

    def __init__(self, clock: Clock, *, most: int = MOST_INSTANCES) -> None:
        self._clock = clock
        self._most = most
        self._instances: dict[tuple[str, str], Instance] = {}

    def __len__(self) -> int:
        return len(self._instances)

    def hear(self, presence: Presence) -> bool:
        """Take in what an instance says; return False for the heartbeat of one not known. Raise ``Full``."""
        key = presence.service, presence.instance
        match presence:
            case Hello():
                self._declare(key, presence)
            case Heartbeat():
                instance = self._instances.get(key)
                if instance is None:
                    return False
                instance.beat(presence, self._clock())
            case Bye():
                self._instances.pop(key, None)
        return True

    def forget_silent(self) -> list[Instance]:
        """Remove and return those not heard for three heartbeats."""
        oldest = self._clock() - GONE_AFTER
        gone = {key: one for key, one in self._instances.items() if one.heard < oldest}
        for key in gone:
            del self._instances[key]
        return list(gone.values())

    def excuse(self) -> None:
        """Count silence anew for all: while the broker was away nobody could be heard."""
        now = self._clock()
        for instance in self._instances.values():
            instance.heard = now

    def data_planes(self) -> list[Instance]:
        """Return services' and bridges' instances, by service and id."""
        return [one for _, one in sorted(self._instances.items()) if one.data_plane]

    def service(self, name: str) -> list[Instance]:
        """Return the data planes of one service."""
        return [one for one in self.data_planes() if one.hello.service == name]

    def registries(self) -> list[str]:
        """Return the ids of the registry's replicas."""
        return [one.hello.instance for one in self._instances.values() if one.hello.kind == "registry"]

    def age(self, instance: Instance) -> float:
        """Return the seconds since an instance was heard."""
        return max(0.0, self._clock() - instance.heard)

    def _declare(self, key: tuple[str, str], hello: Hello) -> None:
        if key not in self._instances and len(self._instances) >= self._most:
            raise Full
        said = self._instances.get(key)
        instance = Instance.declared(hello, self._clock())
        if said is not None and said.place == instance.place:
            instance.refused = said.refused
        self._instances[key] = instance
