"""docker-compose.yml as compose reads it: variables filled in, each service with what its image says."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import yaml

from tests.architecture.tree import ROOT
from tests.system.compose_images import NATS, Image, broker_image, read_image

COMPOSE = ROOT / "docker-compose.yml"


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
        said = self.said.get("healthcheck", {})
        test: list[str] = [] if said.get("disable") else said.get("test", ["CMD", *self.image.health])
        return tuple(test[1:])

    @property
    def folder(self) -> str:
        """In which folder its process runs."""
        return str(self.said.get("working_dir", self.image.folder))

    @property
    def tool(self) -> bool:
        """Whether it is started by hand only."""
        return "profiles" in self.said

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
        """What lies at which path: a path of the tree, a volume with the folder of it that is seen, '' for memory."""
        found = {str(each).partition(":")[0]: "" for each in self.said.get("tmpfs", [])}
        return found | dict(map(_mount, self.said.get("volumes", [])))


def plain() -> Any:
    """Return the file."""
    return yaml.safe_load(COMPOSE.read_text(encoding="utf-8"))


def services() -> dict[str, Service]:
    """Return the services by name."""
    return {name: _service(name, said) for name, said in plain()["services"].items()}


def _mount(said: str | Mapping[str, Any]) -> tuple[str, str]:
    """Return where it lies in the container, and what lies there."""
    if isinstance(said, str):
        source, target, *_ = said.split(":")
        return target, source
    return said["target"], f"{said['source']}/{said['volume']['subpath']}"


def _service(name: str, said: Mapping[str, Any]) -> Service:
    if str(said.get("image", "")).startswith(f"{NATS}:"):
        image = broker_image()
    else:
        image = read_image(ROOT / said["build"]["dockerfile"])
    environment = {key: str(value) for key, value in said.get("environment", {}).items()}
    return Service(name=name, image=image, said=said, environment={**image.environment, **environment})
