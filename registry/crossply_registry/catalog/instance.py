"""One instance as the catalog knows it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from crossply.wire.presence import Heartbeat, Hello

DATA_PLANES: Final = frozenset({"service", "bridge"})


@dataclass(slots=True)
class Instance:
    """What it declared in its hello, what it said last, and when that was heard (monotonic seconds)."""

    hello: Hello
    zone: str
    labels: dict[str, str]
    generation: int
    revision: int
    applied: float
    refused: str
    heard: float

    @classmethod
    def declared(cls, hello: Hello, now: float) -> Instance:
        """Return the instance that says hello."""
        return cls(
            hello=hello,
            zone=hello.zone,
            labels=dict(hello.labels),
            generation=hello.generation,
            revision=hello.revision,
            applied=hello.applied,
            refused="",
            heard=now,
        )

    def beat(self, heartbeat: Heartbeat, now: float) -> None:
        """Take over what changes from beat to beat."""
        self.zone = heartbeat.zone
        self.labels = dict(heartbeat.labels)
        self.generation = heartbeat.generation
        self.revision = heartbeat.revision
        self.applied = heartbeat.applied
        self.refused = heartbeat.refused
        self.heard = now

    @property
    def data_plane(self) -> bool:
        """Whether it adopts policy for calls: registries and clients are heard, and not listed."""
        return self.hello.kind in DATA_PLANES

    @property
    def place(self) -> tuple[int, int]:
        """Return the generation and revision it has applied."""
        return self.generation, self.revision
