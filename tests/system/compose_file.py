"""docker-compose.yml as compose reads it: variables filled in, each service with what its image says."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import yaml

from tests.architecture.tree import ROOT
from tests.system.compose_images import NATS, Image, broker_image, read_image

COMPOSE = ROOT / "docker-compose.yml"
_VARIABLE = re.compile(r"\$\{([A-Z_]+):-([^}]*)\}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """One service; ``said`` is its own part of the file, ``environment`` includes the image's."""

    name: str
    image: Image
    said: Mapping[str, Any]
    environment: Mapping[str, str]

    @property
    def argv(self) -> tuple[str, ...]:
        """The command line of its process."""
        entrypoint = tuple(self.said.get("entrypoint", self.image.entrypoint))
        return entrypoint + tuple(self.said.get("command", self.image.command))

    @property
    def health(self) -> tuple[str, ...]:
        """The command line of its health check, empty when it has none."""
        test: list[str] = self.said.get("healthcheck", {}).get("test", ["CMD", *self.image.health])
        return tuple(test[1:])

    @property
    def user(self) -> str:
        """As whom it runs."""
        return str(self.said.get("user", self.image.user))

    @property
    def replicas(self) -> int:
        """How many containers it has."""
        count: int = self.said.get("deploy", {}).get("replicas", 1)
        return count

    @property
    def needs(self) -> Mapping[str, str]:
        """The services it starts after, each with the condition."""
        return {name: each["condition"] for name, each in self.said.get("depends_on", {}).items()}

    @property
    def mounts(self) -> Mapping[str, str]:
        """What lies at which path: a path of the tree, the name of a volume, or nothing for memory."""
        found = {str(each).partition(":")[0]: "" for each in self.said.get("tmpfs", [])}
        return found | {target: source for source, target, *_ in (each.split(":") for each in self._volumes)}

    @property
    def _volumes(self) -> list[str]:
        volumes: list[str] = self.said.get("volumes", [])
        return volumes


def plain(environ: Mapping[str, str] | None = None) -> Any:
    """Return the file with variables taken from ``environ``, or their defaults."""
    given = environ or {}
    text = COMPOSE.read_text(encoding="utf-8")
    return yaml.safe_load(_VARIABLE.sub(lambda each: given.get(each[1]) or each[2], text))


def services(environ: Mapping[str, str] | None = None) -> dict[str, Service]:
    """Return the services by name."""
    return {name: _service(name, said) for name, said in plain(environ)["services"].items()}


def _service(name: str, said: Mapping[str, Any]) -> Service:
    if str(said.get("image", "")).startswith(f"{NATS}:"):
        image = broker_image()
    else:
        image = read_image(ROOT / said["build"]["dockerfile"])
    environment = {key: str(value) for key, value in said.get("environment", {}).items()}
    return Service(name=name, image=image, said=said, environment={**image.environment, **environment})
